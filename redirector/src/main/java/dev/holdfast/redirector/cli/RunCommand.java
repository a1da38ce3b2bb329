package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.EndpointText;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * {@code holdfast run}: the daemon, in the foreground.
 *
 * <p>SIGTERM and SIGINT stop it in good order, and it exits with 0 then: the order was to stop, and
 * it did.
 */
@Command(
    name = "run",
    description = {
      "Runs the daemon in the foreground.",
      "It ends by SIGTERM or SIGINT; migrations that are under way then are taken over by the next",
      "daemon. It tells systemd when it is ready. It needs CAP_NET_ADMIN and CAP_NET_RAW, as root",
      "has them; without, it exits with 4."
    },
    footerHeading = "%nExample:%n",
    footer = "  holdfast run --config /etc/holdfast/holdfast.toml")
final class RunCommand extends Verb {
  @Mixin private ConfigFile configFile;

  @Override
  public Integer call() throws Exception {
    Config config = configFile.read(this);
    List<String> missing = Privileges.missing(surroundings().processStatus());
    if (!missing.isEmpty()) {
      throw CommandFailed.refused(
          "The daemon needs "
              + String.join(" and ", missing)
              + " to steer packets: run it as root, or give it these capabilities.");
    }
    var systemd = new ServiceNotification(surroundings().environment());
    AutoCloseable daemon = surroundings().daemon().start(config, Version.text());
    var stopped = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            Thread.ofPlatform().name("stop").unstarted(() -> stop(daemon, systemd, stopped)));
    systemd.ready(
        config.daemon().name() + " listens on " + EndpointText.format(config.tunnel().listen()));
    stopped.await();
    return ExitCode.OK;
  }

  /** In the shutdown hook the exit code can only be chosen by ending at once. */
  private static void stop(
      AutoCloseable daemon, ServiceNotification systemd, CountDownLatch stopped) {
    int exitCode = ExitCode.OK;
    systemd.stopping();
    try {
      daemon.close();
    } catch (Exception e) {
      exitCode = ExitCode.FAILED;
      e.printStackTrace();
    }
    stopped.countDown();
    Runtime.getRuntime().halt(exitCode);
  }
}
