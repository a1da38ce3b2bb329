# Answers each line with its number on this connection and the line. One process, one thread, no library that does not
# come with perl-base: CRIU dumps the whole of it. Usage: perl echo-server.pl PORT
use strict;
use IO::Select;
use IO::Socket::INET;

my $listener = IO::Socket::INET->new(LocalPort => $ARGV[0], Listen => 64, ReuseAddr => 1) or die "listen: $!";
my $readable = IO::Select->new($listener);
my $writable = IO::Select->new;
my (%in, %out, %count, %ended);

sub end_of {
  my $socket = shift;
  my $key = fileno $socket;
  $readable->remove($socket);
  $writable->remove($socket);
  delete $_->{$key} for \%in, \%out, \%count, \%ended;
  close $socket;
}

while (my ($in, $out) = IO::Select->select($readable, $writable, undef)) {
  for my $socket (@$in) {
    if ($socket == $listener) {
      my $new = $listener->accept or next;
      $new->blocking(0);
      $readable->add($new);
      my $key = fileno $new;
      ($in{$key}, $out{$key}, $count{$key}) = ('', '', 0);
      next;
    }
    my $key = fileno $socket;
    my $read = sysread $socket, $in{$key}, 65536, length $in{$key};
    next if !defined $read && $!{EAGAIN};
    if (!$read) {
      $ended{$key} = 1;
      $readable->remove($socket);
    }
    while ($in{$key} =~ s/^(.*\n)//) {
      $out{$key} .= ++$count{$key} . " $1";
    }
    $writable->add($socket);
  }
  for my $socket (@$out) {
    my $key = fileno $socket;
    next if !defined $key || !defined $out{$key};
    if (length $out{$key}) {
      my $written = syswrite $socket, $out{$key};
      next if !defined $written && $!{EAGAIN};
      if (!defined $written) {
        end_of($socket);
        next;
      }
      substr($out{$key}, 0, $written) = '';
    }
    next if length $out{$key};
    $writable->remove($socket);
    end_of($socket) if $ended{$key};
  }
}
