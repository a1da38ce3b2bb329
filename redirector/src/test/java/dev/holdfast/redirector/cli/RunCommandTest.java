package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollDomainDatagramChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.DomainDatagramPacket;
import io.netty.channel.unix.DomainSocketAddress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class RunCommandTest {
  @TempDir private Path folder;
  private Path config;

  @BeforeEach
  void write() throws IOException {
    config = Configs.write(folder);
  }

  private Path capabilities(String effective) throws IOException {
    return Files.writeString(
        folder.resolve("status"), "Name:\tjava\nCapEff:\t" + effective + "\nSeccomp:\t0\n");
  }

  private CliRun run(Path processStatus, DaemonStarter starter) {
    var surroundings =
        new Surroundings(
            starter, CliRun.CLOCK, CliRun.SURROUNDINGS.zone(), Map.of(), processStatus);
    return CliRun.in(surroundings, "run", "--config=" + config);
  }

  private static AutoCloseable mustNotStart(Object config, String version) {
    throw new AssertionError("started");
  }

  @Test
  void withoutPrivilegesItSaysWhatItNeeds() throws IOException {
    CliRun run = run(capabilities("0000000000000000"), RunCommandTest::mustNotStart);
    assertThat(run.exitCode()).isEqualTo(4);
    assertThat(run.err())
        .endsWith(
            "The daemon needs CAP_NET_ADMIN and CAP_NET_RAW to steer packets: run it as root, or"
                + " give it these capabilities.\n");
    assertThat(run(capabilities("0000000000001000"), RunCommandTest::mustNotStart).err())
        .contains("The daemon needs CAP_NET_RAW to steer packets");
  }

  @Test
  void aWrongConfigIsNotRun() throws IOException {
    Files.writeString(config, "[tunnel]\n");
    CliRun run = run(capabilities("000001ffffffffff"), RunCommandTest::mustNotStart);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains(config + ":1:1: [tunnel] has no listen, which is required\n");
  }

  @Test
  void aDaemonThatCannotStartSaysWhy() throws IOException {
    CliRun run =
        run(
            capabilities("0000000000003000"),
            (config, version) -> {
              assertThat(config.daemon().name()).isEqualTo("host-a");
              assertThat(version).matches("\\d+\\.\\d+\\.\\d+\\S*");
              throw new IOException("Port 4754 is taken.");
            });
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).endsWith("Port 4754 is taken.\n");
    assertThat(run.out()).isEmpty();
  }

  /** A path, and a name in the abstract name space of unix(7). */
  @ParameterizedTest
  @ValueSource(strings = {"/", "@"})
  void systemdIsToldAndTermIsAGoodEnd(String kind) throws Exception {
    String path = folder.resolve("notify").toString();
    BlockingQueue<String> told = new LinkedBlockingQueue<>();
    var group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    Channel receiver = receive(group, kind.equals("@") ? "\0" + path : path, told);
    Process process = start(kind.equals("@") ? "@" + path : path);
    try {
      assertThat(next(told, process)).isEqualTo("READY=1\nSTATUS=host-a listens on 127.0.0.1:4754");
      assertThat(CliRun.at(folder.resolve("c.sock"), "status").exitCode()).isZero();
      process.destroy(); // SIGTERM
      assertThat(next(told, process)).isEqualTo("STOPPING=1");
      assertThat(process.waitFor()).isZero();
      assertThat(folder.resolve("c.sock")).doesNotExist();
    } finally {
      process.destroyForcibly();
      receiver.close().syncUninterruptibly();
      group.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
    }
  }

  private String next(BlockingQueue<String> told, Process process) throws Exception {
    while (true) {
      String next = told.poll(100, TimeUnit.MILLISECONDS);
      if (next != null) {
        return next;
      }
      assertThat(process.isAlive() || !told.isEmpty())
          .as(Files.readString(folder.resolve("stderr")))
          .isTrue();
    }
  }

  private Process start(String notifySocket) throws IOException {
    var builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-cp",
            System.getProperty("java.class.path"),
            RunProcess.class.getName(),
            capabilities("000001ffffffffff").toString(),
            "run",
            "--config=" + config);
    builder.environment().put("NOTIFY_SOCKET", notifySocket);
    builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
    builder.redirectError(ProcessBuilder.Redirect.to(folder.resolve("stderr").toFile()));
    return builder.start();
  }

  private static Channel receive(
      MultiThreadIoEventLoopGroup group, String path, BlockingQueue<String> told) {
    return new Bootstrap()
        .group(group)
        .channel(EpollDomainDatagramChannel.class)
        .handler(
            new SimpleChannelInboundHandler<DomainDatagramPacket>() {
              @Override
              protected void channelRead0(ChannelHandlerContext ctx, DomainDatagramPacket packet) {
                told.add(packet.content().toString(StandardCharsets.UTF_8));
              }
            })
        .bind(new DomainSocketAddress(path))
        .syncUninterruptibly()
        .channel();
  }
}
