package dev.holdfast.redirector.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class SocketFileTest {
  @TempDir private Path folder;

  @Test
  void onlyOwnerAndGroupMayOpenIt() throws IOException {
    Path socket = folder.resolve("new").resolve("c.sock");
    try (var server = new ControlServer(socket, new FakeService())) {
      server.start();
      assertThat(mode(socket)).isEqualTo("rw-rw----");
      assertThat(mode(folder.resolve("new"))).isEqualTo("rwxr-x---");
    }
    assertThat(socket).doesNotExist();
    assertThat(folder.resolve("new")).isEmptyDirectory();
  }

  @Test
  void aFolderThatIsThereKeepsItsMode() throws IOException {
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx--x--x"));
    try (var server = new ControlServer(folder.resolve("c.sock"), new FakeService())) {
      server.start();
      assertThat(mode(folder)).isEqualTo("rwx--x--x");
    }
  }

  @Test
  void aStaleSocketIsReplaced() throws Exception {
    Path socket = folder.resolve("c.sock");
    try (var killed = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      killed.bind(UnixDomainSocketAddress.of(socket)); // the file stays behind, as after a kill
    }
    assertThat(socket).exists();
    try (var server = new ControlServer(socket, new FakeService())) {
      server.start();
      assertThat(new ControlClient(socket).status().host()).isEqualTo("host-a");
    }
  }

  @Test
  void aLiveDaemonIsLeftAlone() throws Exception {
    Path socket = folder.resolve("c.sock");
    try (var first = new ControlServer(socket, new FakeService());
        var second = new ControlServer(socket, new FakeService())) {
      first.start();
      assertThatThrownBy(second::start)
          .isInstanceOf(IOException.class)
          .hasMessage(
              "Another holdfast daemon answers on %s. Stop it first, or name another path in"
                  + " [daemon] control.",
              socket);
      second.close();
      assertThat(new ControlClient(socket).status().host()).isEqualTo("host-a");
    }
  }

  @Test
  void theSocketOfASuccessorIsNotRemoved() throws Exception {
    Path socket = folder.resolve("c.sock");
    try (var first = new ControlServer(socket, new FakeService());
        var second = new ControlServer(socket, new FakeService())) {
      first.start();
      Files.delete(socket);
      second.start();
      first.close();
      assertThat(new ControlClient(socket).status().host()).isEqualTo("host-a");
    }
  }

  @Test
  void whatIsNoSocketIsLeftAlone() throws IOException {
    Path file = Files.writeString(folder.resolve("c.sock"), "precious");
    try (var server = new ControlServer(file, new FakeService())) {
      assertThatThrownBy(server::start)
          .hasMessage(
              "%s exists and is not a socket; name another path in [daemon] control.", file);
    }
    assertThat(file).hasContent("precious");
  }

  @Test
  void aPathThatIsTooLongIsRefused() {
    Path socket = folder.resolve("x".repeat(108));
    try (var server = new ControlServer(socket, new FakeService())) {
      assertThatThrownBy(server::start).hasMessageContaining("is too long for a Unix socket");
    }
  }

  @Test
  void nobodyBehindTheFileMeansNoDaemon() throws IOException {
    Path socket = folder.resolve("c.sock");
    try (var killed = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      killed.bind(UnixDomainSocketAddress.of(socket));
    }
    assertThatThrownBy(() -> new ControlClient(socket).status())
        .isInstanceOf(DaemonNotRunning.class)
        .hasMessage("No holdfast daemon is running: nobody answers on %s.", socket);
  }

  private static String mode(Path file) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
  }
}
