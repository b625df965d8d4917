"""Real phones: baresip and linphonec, each a process with a folder of its own and nothing of the user's or of this
machine's sound.

A phone is driven by its own control and waited for by what it says. All phones of these tests are users of home.example
and send everything through sipseald, which is their outbound proxy; their audio goes from one to the other directly."""

import json
import os
import re
import socket
import subprocess
import time

from cases import need
from kamailio import free_port
from processes import START_LIMIT, Process

DOMAIN = "home.example"
PASSWORD = "not-asked-for"  # of every phone, for a registrar that asks


def folder_of(site, user, proxy):
    """A folder of the phone's own: its home."""
    path = os.path.join(site.path, "phone", user + re.sub(r"\W+", "-", proxy))
    os.makedirs(path, exist_ok=True)
    return path


class Baresip:
    """One that is controlled over its ctrl_tcp module: JSON in netstrings, with an event for all that happens. Over TLS
    it takes any server, whatever `sip_cafile` says (1.0.0): linphonec is the one that looks."""

    MODULES = ["g711", "aufile", "aubridge", "sndfile", "account", "contact", "menu", "ctrl_tcp"]
    CONFIG = """poll_method epoll
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
call_max_calls 1
rtp_ports 20000-60000
audio_source aufile,{sound}
audio_player aubridge,{user}
audio_alert aubridge,{user}
ausrc_srate 8000
auplay_srate 8000
snd_path {path}
sip_cafile {trust}
dns_server {names}
module_path {modules}
{module}
ctrl_tcp_listen 127.0.0.1:{control}
"""
    SOUND = "tone.wav"
    MODULE_PATH = "/usr/lib/baresip/modules"

    def __init__(self, site, user, proxy, trust, names, contacts=(), port=0):
        """`proxy`: the URI of its outbound proxy, with the transport; `trust`: authorities for TLS; `names`: its name
        server; `contacts`: the first is whom it sends a MESSAGE to; `port`: where it listens, if that matters."""
        self.user, self.aor = user, f"sip:{user}@{DOMAIN}"
        self.path = folder_of(site, user, proxy)
        control = free_port()
        write_tone(os.path.join(self.path, self.SOUND))
        self._write("config", self.CONFIG.format(
            sound=os.path.join(self.path, self.SOUND), user=user, path=self.path, port=port, control=control,
            trust=trust, names="{}:{}".format(*names.address), modules=self.MODULE_PATH,
            module="\n".join(f"module {name}.so" for name in self.MODULES)))
        self._write("accounts", f"<{self.aor}>;outbound=\"{proxy}\";regint=600;auth_pass={PASSWORD}\n")
        self._write("contacts", "".join(f'"{name}" <sip:{name}@{DOMAIN}>\n' for name in contacts))
        self.process = Process([need("baresip", "baresip-core"), "-s", "-f", self.path], f"baresip of {user}",
                               {"HOME": self.path, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, self.path)
        site.at_end(self.stop)
        self.process.wait_for("baresip is ready")
        self.events, self._buffer = [], b""
        self._control = socket.create_connection(("127.0.0.1", control), START_LIMIT)

    def _write(self, name, text):
        with open(os.path.join(self.path, name), "w", encoding="utf-8") as f:
            f.write(text)

    def registered(self):
        self.process.wait_for(r"200 OK.*\[1 binding")
        return self

    def tell(self, command, words=""):
        """Gives a command; its answer must be good."""
        text = json.dumps({"command": command, "params": words, "token": command}).encode()
        self._control.sendall(b"%d:%s," % (len(text), text))
        answer = self.wait_for(lambda e: e.get("response"), f"the answer to {command}")
        assert answer["ok"], (self.process.name, command, words, answer)
        return answer["data"]

    def _read(self, end):
        """What has come over the control connection, once something has."""
        self._control.settimeout(max(0.001, end - time.monotonic()))
        try:
            data = self._control.recv(65536)
        except socket.timeout:
            return False
        self._buffer += data
        while b":" in self._buffer:
            length, _, rest = self._buffer.partition(b":")
            if len(rest) <= int(length):
                break
            self.events.append(json.loads(rest[:int(length)]))
            self._buffer = rest[int(length) + 1:]
        return bool(data)

    def wait_for(self, fits, what, limit=START_LIMIT):
        """The first event that fits, of those that nobody has waited for yet."""
        end = time.monotonic() + limit
        while True:
            for at, event in enumerate(self.events):
                if fits(event):
                    return self.events.pop(at)
            if not self._read(end):
                raise AssertionError(f"{self.process.name}: {what}: did not come; there is {self.events}\n"
                                     + "\n".join(self.process.log().splitlines()[-80:]))

    def happens(self, kind):
        return self.wait_for(lambda e: e.get("type") == kind, kind)

    # --- calls: what the user does, and what he then hears or sees ---

    def anew(self):
        """What happened so far is none of the next call's."""
        while self._read(time.monotonic()):
            pass
        self.events.clear()

    def dial(self, aor):
        self.tell("dial", aor)

    def answer(self):
        self.tell("accept")

    def hang_up(self):
        """Ends the call: BYE, CANCEL, or 486 for one that was not answered."""
        self.tell("hangup")

    def hold(self):
        self.tell("hold")

    def resume(self):
        self.tell("resume")

    def rings(self):
        self.happens("CALL_INCOMING")

    def hears_ringing(self):
        self.happens("CALL_RINGING")

    def talks(self):
        self.happens("CALL_ESTABLISHED")

    def hears(self):
        """Audio of the other side has arrived."""
        self.happens("CALL_RTPESTAB")

    def ends(self):
        """Gives why."""
        return self.happens("CALL_CLOSED").get("param", "")

    def stop(self):
        if self.process.running():
            self._control.close()
            self.process.stop()


class Linphone:
    """linphonec, which reads commands from its standard input and logs each state that it comes to. Over TLS it looks
    whether the server is whom it meant, by the authorities of `trust` alone."""

    CONFIG = """[sip]
sip_port={udp}
sip_tcp_port={tcp}
sip_tls_port={tls}
default_proxy=0
verify_server_certs=1
verify_server_cn=1
root_ca={trust}
[net]
auto_net_state_mon=0
dns_srv_enabled=0
[rtp]
audio_rtp_port={rtp}
[proxy_0]
reg_proxy=<{proxy}>
reg_route=<{proxy};lr>
reg_identity={aor}
reg_expires=600
reg_sendregister=1
publish=0
[auth_info_0]
username={user}
passwd={password}
domain={domain}
"""
    OFF, ANY = 0, -1

    def __init__(self, site, user, proxy, trust):
        self.user, self.aor = user, f"sip:{user}@{DOMAIN}"
        self.path = folder_of(site, user, proxy)
        os.makedirs(os.path.join(self.path, ".local/share/linphone"), exist_ok=True)
        configuration = os.path.join(self.path, "linphonerc")
        with open(configuration, "w", encoding="utf-8") as f:
            f.write(self.CONFIG.format(
                **{name: self.ANY if proxy.endswith(name) else self.OFF for name in ("udp", "tcp", "tls")}, trust=trust,
                rtp=free_port(), proxy=proxy, aor=self.aor, user=user, password=PASSWORD,
                domain=DOMAIN))
        self.process = Process([need("linphonec", "linphone-cli"), "-c", configuration, "-d", "6"],
                               f"linphonec of {user}",
                               {"HOME": self.path, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, self.path,
                               subprocess.PIPE)
        site.at_end(self.stop)
        self._since = 0
        self._play = os.path.join(self.path, "tone.wav")
        write_tone(self._play)
        self.tell("soundcard use files")
        self.process.wait_for("Using wav files")

    def tell(self, command):
        self.process.process.stdin.write(command.encode() + b"\n")
        self.process.process.stdin.flush()

    def registered(self):
        self.process.wait_for("to .LinphoneRegistrationOk")
        return self

    # --- calls, by the same words as above ---

    def anew(self):
        self._since = self.process.mark()

    def dial(self, aor):
        self.tell(f"call {aor}")

    def answer(self):
        self.tell("answer")

    def hang_up(self):
        self.tell("terminate")

    def hold(self):
        self.tell("pause")
        self._comes_to("Paused")

    def resume(self):
        self.anew()
        self.tell("resume")
        self._comes_to("StreamsRunning")

    def _comes_to(self, state):
        return self.process.wait_for(f"CallSession .* to LinphoneCall({state})$", after=self._since)[1]

    def rings(self):
        self._comes_to("IncomingReceived")

    def hears_ringing(self):
        self._comes_to("OutgoingRinging")

    def talks(self):
        self._comes_to("StreamsRunning")
        self.tell(f"play {self._play}")

    def hears(self):
        self.process.wait_for(r"RTP : \[d=[1-9]", after=self._since)

    def ends(self):
        why = self._comes_to("End|Error")
        self._comes_to("Released")
        return why

    def stop(self):
        if self.process.running():
            self.tell("quit")
            self.process.wait()
        self.process.process.stdin.close()


def write_tone(path, seconds=20, rate=8000):
    """Something to be heard: a square wave in 16-bit PCM, so that nobody's files are needed."""
    samples = (b"\x00\x20" * 10 + b"\x00\xe0" * 10) * (rate // 20 * seconds)
    head = b"WAVEfmt " + (16).to_bytes(4, "little") + b"".join(
        value.to_bytes(size, "little") for value, size in ((1, 2), (1, 2), (rate, 4), (2 * rate, 4), (2, 2), (16, 2)))
    data = b"data" + len(samples).to_bytes(4, "little") + samples
    with open(path, "wb") as f:
        f.write(b"RIFF" + (len(head) + len(data)).to_bytes(4, "little") + head + data)
