package dev.holdfast.qemu;

import dev.holdfast.guest.DebianRelease;
import dev.holdfast.guest.Guest;
import dev.holdfast.guest.GuestContents;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * Debian's nginx and OpenSSH in the guest. What nginx serves is on a disk that both sites can read
 * and nobody writes, as storage that they share; the guest's memory would be too small for it.
 */
final class GuestServers {
  private static final String RELEASE = "trixie";
  private static final List<String> PACKAGES = List.of("nginx", "openssh-server", "iproute2");

  /** The SSH server starts the last two itself, by these paths. */
  private static final List<String> PROGRAMS =
      List.of("nginx", "sshd", "usr/lib/openssh/sshd-session", "usr/lib/openssh/sshd-auth");

  private static final List<String> MODULES = List.of("virtio_blk", "crc32c_generic", "ext4");

  private static final String LARGE = "large";
  private static final String SMALL = "small";

  /** What the client knows the guest by, whichever address it has. */
  private static final String HOST_KEY_ALIAS = "guest";

  private final Path folder;
  private final long bytes;
  private final String digest;

  /**
   * Makes keys and a disk with random bytes.
   *
   * @param folder for them; may not be there yet
   * @param bytes how large the large file is
   */
  GuestServers(Path folder, long bytes) throws Exception {
    this.folder = Files.createDirectories(folder);
    this.bytes = bytes;
    for (String key : List.of("host_key", "client_key")) {
      Tool.run(List.of("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file(key)));
    }
    Files.writeString(
        folder.resolve("known_hosts"),
        HOST_KEY_ALIAS + " " + Files.readString(folder.resolve("host_key.pub")));
    Path site = Files.createDirectories(folder.resolve("site"));
    Files.writeString(site.resolve(SMALL), SMALL);
    Path large = site.resolve(LARGE);
    digest = random(large, bytes);
    long kibibytes = (bytes >> 10) + (8 << 10);
    Tool.run(
        List.of(
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-m",
            "0",
            "-N",
            "64",
            "-O",
            "^has_journal",
            "-d",
            site.toString(),
            file("disk"),
            kibibytes + "k"));
    Files.delete(large);
  }

  private String file(String name) {
    return folder.resolve(name).toString();
  }

  private static String random(Path file, long bytes) throws Exception {
    MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
    var random = new SplittableRandom(bytes);
    var block = new byte[1 << 20];
    try (OutputStream out = new DigestOutputStream(Files.newOutputStream(file), sha256)) {
      for (long left = bytes; left > 0; left -= block.length) {
        random.nextBytes(block);
        out.write(block, 0, (int) Math.min(left, block.length));
      }
    }
    return HexFormat.of().formatHex(sha256.digest());
  }

  /** What the guest needs for them. */
  GuestContents contents() throws IOException {
    Map<Path, byte[]> files =
        Map.of(
            Path.of("/servers"),
            resource("servers"),
            Path.of("/etc/nginx.conf"),
            resource("nginx.conf"),
            Path.of("/etc/ssh/sshd_config"),
            resource("sshd_config"),
            Path.of("/etc/ssh/host_key"),
            Files.readAllBytes(folder.resolve("host_key")),
            Path.of("/root/.ssh/authorized_keys"),
            Files.readAllBytes(folder.resolve("client_key.pub")));
    List<String> programs = Stream.concat(QemuLab.PROGRAMS.stream(), PROGRAMS.stream()).toList();
    return new GuestContents(MODULES, DebianRelease.programs(RELEASE, PACKAGES), programs, files);
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in =
        Objects.requireNonNull(GuestServers.class.getResourceAsStream(name), name)) {
      return in.readAllBytes();
    }
  }

  /** The disk and more memory, as the programs lie in it; arguments of a QEMU at either site. */
  List<String> hardware() {
    return List.of(
        "-m",
        "192",
        "-blockdev",
        "driver=raw,node-name=disk,read-only=on,file.driver=file,file.filename=" + file("disk"),
        "-device",
        "virtio-blk-pci,drive=disk");
  }

  /** Starts both. */
  void start(Guest guest) throws Exception {
    guest.must("load " + String.join(" ", MODULES) + " && [ -b /dev/vda ]");
    guest.must("/servers >/tmp/servers.log 2>&1 || { cat /tmp/*.log; false; }");
  }

  // ---- their clients ----

  /** Begins to download the large file. */
  Download download(Namespace machine, IpAddress guest) throws IOException {
    return Download.begin(machine, url(guest, LARGE), folder.resolve("curl.log"));
  }

  long bytes() {
    return bytes;
  }

  /** SHA-256 of the large file, hexadecimal. */
  String digest() {
    return digest;
  }

  /** Downloads the small file; fails where it does not come or is another. */
  void requireSmall(Namespace machine, IpAddress guest) throws IOException {
    String said = Tool.run(machine.within("curl", "-sSf", "-m", "20", url(guest, SMALL)));
    if (!said.equals(SMALL)) {
      throw new IOException("instead of the small file came: " + said);
    }
  }

  private static String url(IpAddress guest, String file) {
    return "http://" + (guest.isV4() ? guest : "[" + guest + "]") + "/" + file;
  }

  /** Logs in; the session has a terminal. */
  ShellSession shell(Namespace machine, IpAddress guest) throws Exception {
    List<String> command =
        machine.within(
            "ssh",
            "-tt",
            "-F",
            "none",
            "-i",
            file("client_key"),
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "UserKnownHostsFile=" + file("known_hosts"),
            "-o",
            "HostKeyAlias=" + HOST_KEY_ALIAS,
            "root@" + guest);
    return ShellSession.open(command, folder.resolve("ssh.log"));
  }
}
