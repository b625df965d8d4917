#!/usr/bin/perl
# Peers that write SIP as nobody else here does, over UDP on loopback. What they read, Net::SIP must be able to read.
#
#   odd_peer.pl uas MODE                 a UAS; says "listening PORT", and "request METHOD OCTETS" for each request
#   odd_peer.pl uac MODE PORT METHOD URI sends a request there, and then what comes after it, ACK and BYE or an OPTIONS;
#                                        says "sent OCTETS", and "response STATUS METHOD VIAS" for each
#
# OCTETS are in hexadecimal. Modes of a UAS: plain; odd (its responses are written oddly); ringing (with many 1xx);
# twice (each final response comes twice); late (a request is answered when it has come for the third time). Of a UAC:
# plain; odd; impatient (each request is sent three times at once); forked (and again with another branch).
use strict;
use warnings;
use IO::Socket::INET;
use Net::SIP::Packet;
use Net::SIP::Request;
use Net::SIP::Response;

use constant LIMIT => 30;
my %COMPACT = (via => 'v', from => 'f', to => 't', 'call-id' => 'i', contact => 'm', 'content-type' => 'c',
    'content-length' => 'l', subject => 's');
my ($role, $mode, $port, $method, $uri) = @ARGV;
my $socket = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die "socket: $!";
my $own = '127.0.0.1:' . $socket->sockport;
$| = 1;
$SIG{ALRM} = sub { die "nothing came within " . LIMIT . " s\n" };

# The same message in compact form, with all Vias in one header, folds, and white space wherever it may stand.
sub oddly {
    my ($head, $body) = split /\r\n\r\n/, shift, 2;
    my ($first, @lines) = split /\r\n(?![ \t])/, $head;
    my @vias = map { /^(?:via|v)\s*:\s*(.*)/is ? $1 : () } @lines;
    my @others = grep { !/^(?:via|v)\s*:/i } @lines;
    my @written = ("v :  " . join("\t,\r\n   ", @vias));
    for (@others) {
        my ($name, $value) = /^([^:]*?)\s*:\s*(.*)/s;
        my $short = $COMPACT{ lc $name } // $name;
        $value =~ s/>;/> ;\t/ if $short =~ /^[ft]$/;
        $value =~ s/^/\r\n\t/ if $short =~ /^[ts]$/i;
        push @written, (lc $name eq 'cseq' ? "cSEQ" : $short) . "  : \t$value";
    }
    return join("\r\n", $first, @written) . "\r\n\r\n" . $body;
}

sub receive {
    alarm LIMIT;
    my $peer = $socket->recv(my $data, 65536);
    alarm 0;
    return ($data, $peer);
}

# --- UAS ---

sub answer {
    my ($request, $peer, $status, $reason) = @_;
    my $response = $request->create_response($status, $reason, { contact => "<sip:odd\@$own>" });
    my $text = $response->as_string;
    $text = oddly($text) if $mode eq 'odd';
    $socket->send($text, 0, $peer) for 1 .. ($mode eq 'twice' && $status >= 200 ? 2 : 1);
}

sub serve {
    my %seen;
    print "listening " . $socket->sockport . "\n";
    while (1) {
        my $peer = $socket->recv(my $data, 65536);
        my $request = eval { Net::SIP::Packet->new($data) };
        my $told = "request " . ($data =~ s/ .*//sr) . " " . unpack('H*', $data);
        print defined $request ? "$told\n" : "unreadable $@\n";
        next if !$request || $request->method eq 'ACK';
        my $time = ++$seen{ $request->method . ($request->get_header('via'))[0] };
        next if $mode eq 'late' && $time < 3;
        if ($mode eq 'ringing') {
            answer($request, $peer, @$_) for [180, 'Ringing'], [181, 'Forwarded'], [182, 'Queued'], [183, 'Progress'],
                [199, 'Early'], ([180, 'Ringing']) x 5;
        }
        answer($request, $peer, 200, 'OK');
    }
}

# --- UAC ---

sub compose {
    my ($kind, $target, $number, $branch, %more) = @_;
    my $body = $kind eq 'MESSAGE' ? "how odd\r\n" : '';
    my $text = Net::SIP::Request->new($kind, $target, {
        via => ["SIP/2.0/UDP $own;branch=z9hG4bK$branch;rport", "SIP/2.0/TCP 192.0.2.7;branch=z9hG4bKbefore",
            "SIP/2.0/UDP [2001:db8::7]:5070;branch=z9hG4bKfirst;received=2001:db8::9"],
        'max-forwards' => 68, from => '"Odd \"Peer\"" <sip:odd@home.example;x=y>;tag=o1', to => '<sip:bob@far.example>',
        'call-id' => "odd-$$\@127.0.0.1", cseq => "$number $kind", contact => "<sip:odd\@$own>",
        subject => 'an odd one', 'x-unknown' => ';;,,; "', ($body ? ('content-type' => 'text/plain') : ()),
        'content-length' => length $body, %more }, $body)->as_string;
    my $upper = uc $kind; # as Net::SIP writes it
    return $text =~ s/^$upper /$kind /r =~ s/^(cseq:\s*\d+) $upper/$1 $kind/imr;
}

sub transmit {
    my $text = shift;
    $text = oddly($text) if $mode eq 'odd';
    my $to = pack_sockaddr_in($port, inet_aton('127.0.0.1'));
    print "sent " . unpack('H*', $text) . "\n";
    $socket->send($text, 0, $to) for 1 .. ($mode eq 'impatient' ? 3 : 1);
}

sub final {
    while (1) {
        my ($data) = receive();
        my $response = Net::SIP::Packet->new($data);
        my $kind = $response->cseq =~ s/^\d+ //r;
        print "response " . $response->code . " $kind " . scalar(my @vias = $response->get_header('via')) . "\n";
        return $response if $response->code >= 200;
    }
}

# What comes after the first response shows that nothing else came before it.
sub call {
    transmit(compose($method, $uri, 1, "$$-1"));
    transmit(compose($method, $uri, 1, "$$-2")) if $mode eq 'forked';
    my $response = final();
    final() if $mode eq 'forked';
    my ($target) = ($response->get_header('contact'))[0] =~ /<([^>]*)>/;
    my %dialog = (to => $response->get_header('to'), route => [reverse $response->get_header('record-route')]);
    transmit(compose('ACK', $target, 1, "$$-3", %dialog)) if $method eq 'INVITE';
    my @last = $method eq 'INVITE' ? ('BYE', $target, 2, "$$-4", %dialog) : ('OPTIONS', $uri, 2, "$$-4");
    transmit(compose(@last));
    do { $response = final() } until $response->cseq =~ /$last[0]/;
}

$role eq 'uas' ? serve() : call();
