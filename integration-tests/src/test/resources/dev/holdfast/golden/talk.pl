# One end of a talk, with socket options that Java does not set: questions of so many bytes, each answered with itself.
# No library that does not come with perl-base.
# Usage: perl talk.pl listen|connect tcp|udp ADDRESS PORT CONNECTIONS TIMES BYTES [OPTION...]
#   options: extension-headers record-route fast-open sequence=N
use strict;
use Socket qw(:all);

use constant {
  IP_OPTIONS => 4,
  IPV6_HOPOPTS => 54,
  IPV6_DSTOPTS => 59,
  TCP_REPAIR => 19,
  TCP_REPAIR_QUEUE => 20,
  TCP_QUEUE_SEQ => 21,
  TCP_FASTOPEN => 23,
  TCP_FASTOPEN_CONNECT => 30,
  TCP_SEND_QUEUE => 2,
};

my ($role, $protocol, $address, $port, $connections, $times, $bytes, @options) = @ARGV;
my %wanted = map { /^([^=]+)(?:=(.*))?$/; ($1, $2 // 1) } @options;
my $v6 = $address =~ /:/;
my $where = $v6 ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $address)) : pack_sockaddr_in($port, inet_pton(AF_INET, $address));

sub set {
  my ($socket, $level, $option, $value) = @_;
  setsockopt $socket, $level, $option, $value or die "socket option $level/$option: $!\n";
}

sub opened {
  socket my $socket, $v6 ? AF_INET6 : AF_INET, $protocol eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM, 0 or die "socket: $!\n";
  set($socket, SOL_SOCKET, SO_REUSEADDR, 1) if $role eq 'listen';
  set($socket, IPPROTO_TCP, TCP_NODELAY, 1) if $protocol eq 'tcp';
  if ($wanted{'extension-headers'}) {
    # RFC 8200 section 4.2: an option of type 0x1e (experiment, RFC 4727: skip where unknown) of 4 bytes; in the
    # destination options it has 12, so that the two headers differ in length.
    set($socket, IPPROTO_IPV6, IPV6_HOPOPTS, pack('C4 a4', 0, 0, 0x1e, 4, 'gold'));
    set($socket, IPPROTO_IPV6, IPV6_DSTOPTS, pack('C4 a12', 0, 1, 0x1e, 12, 'holdfast-end'));
  }
  # RFC 791: record route, room for four addresses; and an end-of-options byte.
  set($socket, IPPROTO_IP, IP_OPTIONS, pack('C3 x16 C', 7, 19, 4, 0)) if $wanted{'record-route'};
  if ($wanted{sequence} && $role eq 'connect') { # tcp(7): only a socket under repair can be told
    set($socket, IPPROTO_TCP, TCP_REPAIR, 1);
    set($socket, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
    set($socket, IPPROTO_TCP, TCP_QUEUE_SEQ, pack('L', $wanted{sequence}));
    set($socket, IPPROTO_TCP, TCP_REPAIR, 0);
  }
  if ($wanted{'fast-open'}) {
    set($socket, IPPROTO_TCP, $role eq 'listen' ? TCP_FASTOPEN : TCP_FASTOPEN_CONNECT, 1);
  }
  return $socket;
}

sub message {
  my $number = shift;
  return substr sprintf("message %06d: ", $number) . 'holdfast golden ' x ($bytes / 16 + 1), 0, $bytes;
}

sub gotten {
  my $socket = shift;
  my $got = '';
  while (length $got < $bytes) {
    my $read = sysread $socket, $got, $bytes - length $got, length $got;
    defined $read or die "read: $!\n";
    return $got if !$read;
  }
  return $got;
}

sub sent {
  my ($socket, $text) = @_;
  while (length $text) {
    my $written = syswrite $socket, $text;
    defined $written or die "write: $!\n";
    substr($text, 0, $written) = '';
  }
}

sub pause { select undef, undef, undef, 0.05 }

$| = 1;
if ($role eq 'listen' && $protocol eq 'udp') {
  my $socket = opened();
  bind $socket, $where or die "bind: $!\n";
  print "ready\n";
  for (1 .. $connections * $times) {
    my $from = recv $socket, my $text, 65536, 0;
    send $socket, $text, 0, $from;
  }
} elsif ($role eq 'listen') {
  my $listener = opened();
  bind $listener, $where or die "bind: $!\n";
  listen $listener, 8 or die "listen: $!\n";
  print "ready\n";
  for (1 .. $connections) {
    accept my $socket, $listener or die "accept: $!\n";
    while (length(my $text = gotten($socket))) {
      sent($socket, $text);
    }
  }
} else {
  for (1 .. $connections) {
    my $socket = opened();
    connect $socket, $where or die "connect: $!\n";
    for my $number (1 .. $times) {
      my $question = message($number);
      $protocol eq 'tcp' ? sent($socket, $question) : send $socket, $question, 0;
      my $answer = '';
      $protocol eq 'tcp' ? ($answer = gotten($socket)) : recv $socket, $answer, 65536, 0;
      $answer eq $question or die "the answer is not what was asked\n";
      pause();
    }
    shutdown $socket, 1 if $protocol eq 'tcp';
    gotten($socket) if $protocol eq 'tcp';
  }
}
