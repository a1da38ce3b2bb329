package dev.holdfast.redirector.demo.host;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.dns.TsigKey;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import dev.holdfast.redirector.dns.server.Zone;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.xbill.DNS.ReverseMap;

/**
 * The lab's name server: a forward zone and the reverse zone of both sites, which take updates
 * signed with one key.
 */
public final class NameService {
  public static final String ZONE = "lab.test.";
  public static final String GUEST_NAME = "vm.lab.test";
  public static final String KEY_NAME = "holdfast-demo.";
  public static final String KEY_ALGORITHM = "hmac-sha256";

  /** What the configuration lowers the TTL to, in seconds. */
  public static final int LOWERED_TTL = 1;

  /** What the guest's records have otherwise: so short that the demo need not wait for caches. */
  private static final int TTL = 2;

  private static final int PORT = 53;
  private static final int REVERSE_PORT = 54;

  private final IpAddress address;
  private final String reverseZone;
  private final String secret;
  private final AuthoritativeServer forward;
  private final AuthoritativeServer reverse;

  private NameService(
      IpAddress address,
      String reverseZone,
      String secret,
      AuthoritativeServer forward,
      AuthoritativeServer reverse) {
    this.address = address;
    this.reverseZone = reverseZone;
    this.secret = secret;
    this.forward = forward;
    this.reverse = reverse;
  }

  /**
   * Starts serving in {@code machine}; it ends with {@code cleanup}.
   *
   * @param address one of the machine's, on which it serves
   * @param guest the guest's address, to which its name points
   */
  public static NameService start(
      Namespace machine, IpAddress address, IpAddress guest, Cleanup cleanup) throws Exception {
    byte[] random = new byte[32];
    new SecureRandom().nextBytes(random);
    String secret = Base64.getEncoder().encodeToString(random);
    TsigKey key = TsigKey.of(KEY_NAME, KEY_ALGORITHM, secret);
    String reverseZone = guest.isV4() ? "10.in-addr.arpa." : "d.f.ip6.arpa.";
    var service =
        new NameService(
            address,
            reverseZone,
            secret,
            new AuthoritativeServer(
                Zone.parse(ZONE, forwardText(guest)), List.of(key), SystemClock.INSTANCE),
            new AuthoritativeServer(
                Zone.parse(reverseZone, reverseText(guest)), List.of(key), SystemClock.INSTANCE));
    machine.call(() -> {
      var unused = service.forward.start(service.forwardEndpoint());
      return unused.equals(service.reverse.start(service.reverseEndpoint()));
    });
    cleanup.add("the name server", service.forward::close);
    cleanup.add("the name server", service.reverse::close);
    return service;
  }

  private static String forwardText(IpAddress guest) {
    return """
    @ 60 IN SOA ns.lab.test. admin.lab.test. 1 3600 600 86400 1
    @ 60 IN NS ns.lab.test.
    @ 60 IN TXT "what nobody may touch"
    vm %d IN %s %s
    """
        .formatted(TTL, guest.isV4() ? "A" : "AAAA", guest);
  }

  /** A reverse record that is new has the configured TTL, which is not lowered any further. */
  private static String reverseText(IpAddress guest) {
    return """
    @ 60 IN SOA ns.lab.test. admin.lab.test. 1 3600 600 86400 1
    @ 60 IN NS ns.lab.test.
    %s %d IN PTR vm.lab.test.
    """
        .formatted(ReverseMap.fromAddress(guest.toInetAddress()), LOWERED_TTL);
  }

  public InetSocketAddress forwardEndpoint() {
    return new InetSocketAddress(address.toInetAddress(), PORT);
  }

  public InetSocketAddress reverseEndpoint() {
    return new InetSocketAddress(address.toInetAddress(), REVERSE_PORT);
  }

  public String reverseZone() {
    return reverseZone;
  }

  /** The key's secret, base64. */
  public String secret() {
    return secret;
  }

  /** Points the guest's name elsewhere, as an administrator without Holdfast does. */
  public void pointTo(IpAddress guest) throws Exception {
    forward.replaceZone(Zone.parse(ZONE, forwardText(guest)));
  }

  /** Gives the guest a further name in {@link #ZONE}, as an administrator does. */
  public void alsoCall(String label, IpAddress guest) throws Exception {
    String record = "%s %d IN %s %s\n".formatted(label, TTL, guest.isV4() ? "A" : "AAAA", guest);
    forward.replaceZone(Zone.parse(ZONE, forwardText(guest) + record));
  }

  /**
   * All records but SOA, whose serial counts the updates, as {@code NAME TTL TYPE DATA}, sorted.
   */
  public List<String> records() {
    List<String> all = new ArrayList<>(forward.zone().lines());
    all.addAll(reverse.zone().lines());
    return all.stream().filter(line -> !line.contains(" SOA ")).sorted().toList();
  }

  /** What {@link #records} must be once the guest's records have moved and nothing else has. */
  public static List<String> moved(List<String> records, IpAddress from, IpAddress to) {
    String oldReverse = ReverseMap.fromAddress(from.toInetAddress()).toString();
    String newReverse = ReverseMap.fromAddress(to.toInetAddress()).toString();
    return records.stream()
        .map(line ->
            line.startsWith(oldReverse)
                ? newReverse + line.substring(oldReverse.length())
                : line.endsWith(" " + from.toInetAddress().getHostAddress())
                    ? line.substring(0, line.lastIndexOf(' ') + 1)
                        + to.toInetAddress().getHostAddress()
                    : line)
        .sorted()
        .toList();
  }
}
