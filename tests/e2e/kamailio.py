"""A real Kamailio as an ordinary, stateful SIP proxy on loopback."""

import os
import socket

from processes import Process, until

MODULES = ["tm", "pv", "maxfwd", "sl", "rr"]

CONFIG = """#!KAMAILIO
debug={debug}
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
use_dns_cache=off
tcp_rd_buf_size=262144
{listen}
{modules}
{tls}
modparam("tm", "fr_timer", 20000)
request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (method == "OPTIONS" && uri == myself) {{
        sl_send_reply("200", "OK");
        exit;
    }}
    if (method == "CANCEL") {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (loose_route()) {{
        t_relay();
        exit;
    }}
    if (method == "INVITE") record_route();
{routes}
    sl_send_reply("404", "No Route");
}}
"""


# Mutual TLS: whoever connects must have a certificate, and so does this proxy when it connects.
TLS = """enable_tls=yes
loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{certificate}")
modparam("tls", "private_key", "{key}")
modparam("tls", "ca_list", "{trust}")
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", 1)
"""


def free_port(host="127.0.0.1"):
    """A port that is free for TCP and UDP: for programs that cannot be told to take one and say which."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        with socket.socket(family, socket.SOCK_STREAM) as stream, socket.socket(family, socket.SOCK_DGRAM) as datagrams:
            stream.bind((host, 0))
            port = stream.getsockname()[1]
            try:
                datagrams.bind((host, port))
            except OSError:
                continue
            return port


class Kamailio:
    """`routes` maps a domain to the SIP URI of the next hop. They may be set until `start`."""

    def __init__(self, folder, host="127.0.0.1", program="/usr/sbin/kamailio"):
        self.folder = folder
        self.program = program
        self.address = (host, free_port(host))
        self.tls_address = (host, free_port(host))
        self.process = None

    def uri(self, transport="tcp"):
        host = f"[{self.address[0]}]" if ":" in self.address[0] else self.address[0]
        return f"sip:{host}:{self.address[1]};transport={transport}"

    def start(self, routes, tls=None):
        """`tls`: certificate, key and trust, paths of PEM files; with it, it listens at `tls_address` too."""
        os.makedirs(self.folder, exist_ok=True)
        host = f"[{self.address[0]}]" if ":" in self.address[0] else self.address[0]
        listen = "\n".join(f"listen={proto}:{host}:{self.address[1]}" for proto in ("udp", "tcp"))
        if tls:
            listen += f"\nlisten=tls:{host}:{self.tls_address[1]}"
        modules = "\n".join(f'loadmodule "{name}.so"' for name in MODULES)
        rules = "\n".join(f'    if ($rd == "{domain}") {{ $du = "{uri}"; t_relay(); exit; }}'
                          for domain, uri in routes.items())
        path = os.path.join(self.folder, "kamailio.cfg")
        with open(path, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(debug=2, listen=listen, tls=TLS.format(**tls) if tls else "", modules=modules, routes=rules))
        self.process = Process([self.program, "-f", path, "-DD", "-E", "-Y", self.folder, "-w", self.folder,
                                "-m", "32", "-M", "8"], "kamailio")
        until(self._answers, "Kamailio accepts connections")
        return self

    def _answers(self):
        assert self.process.running(), f"Kamailio ended:\n{self.process.log()}"
        family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(self.address) == 0

    def stop(self):
        if self.process:
            self.process.stop()
