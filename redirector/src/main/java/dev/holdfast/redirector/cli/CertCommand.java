package dev.holdfast.redirector.cli;

import dev.holdfast.tunnel.identity.Fingerprint;
import dev.holdfast.tunnel.identity.HostIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code holdfast cert}: who this host is, and who the others are. */
@Command(
    name = "cert",
    description = "Makes and shows the certificates by which hosts know each other.",
    commandListHeading = "%nCommands:%n",
    subcommands = {CertCommand.Init.class, CertCommand.Show.class, CertCommand.Trust.class},
    footerHeading = "%nExample:%n",
    footer = "  holdfast cert show /etc/holdfast/host.crt")
final class CertCommand extends Noun {

  /**
   * {@code cert init --json} and {@code cert show --json}.
   *
   * @param schema "holdfast.certificate/1"
   * @param fingerprint as a {@code [[remote]]} of the other host has it
   */
  record Shown(
      String schema,
      String file,
      String name,
      String fingerprint,
      long notBeforeEpochNanos,
      long notAfterEpochNanos) {

    static Shown of(Path file, X509Certificate certificate) {
      return new Shown(
          "holdfast.certificate/1",
          file.toString(),
          CertificateFile.name(certificate),
          Fingerprint.of(certificate).toString(),
          nanos(certificate.getNotBefore().toInstant()),
          nanos(certificate.getNotAfter().toInstant()));
    }

    private static long nanos(Instant time) {
      return time.getEpochSecond() * 1_000_000_000L;
    }

    String text(When when) {
      return new Facts("")
          .add("file", file)
          .add("host", name)
          .add("fingerprint", fingerprint)
          .add("valid from", when.at(notBeforeEpochNanos))
          .add("valid until", when.at(notAfterEpochNanos))
          .toString();
    }
  }

  /** {@code cert init}. */
  @Command(
      name = "init",
      description = "Makes this host's key and its certificate. Never overwrites a file.",
      footerHeading = "%nExample:%n",
      footer = {
        "  holdfast cert init --name host-a --cert /etc/holdfast/host.crt \\",
        "      --key /etc/holdfast/host.key"
      })
  static final class Init extends Verb {
    @Option(
        names = "--name",
        required = true,
        paramLabel = "HOST",
        description = "This host's name: [daemon] name in the config.")
    private String name = "";

    @Option(
        names = "--cert",
        paramLabel = "FILE",
        defaultValue = "/etc/holdfast/host.crt",
        description = "Where to write the certificate. Default: ${DEFAULT-VALUE}")
    private Path certificate = Path.of("");

    @Option(
        names = "--key",
        paramLabel = "FILE",
        defaultValue = "/etc/holdfast/host.key",
        description = "Where to write the key. Default: ${DEFAULT-VALUE}")
    private Path key = Path.of("");

    @Option(
        names = "--days",
        paramLabel = "N",
        defaultValue = "3650",
        description = "How long it is valid. Default: ${DEFAULT-VALUE}")
    private int days;

    @Override
    public Integer call() throws Exception {
      for (Path file : List.of(certificate, key)) {
        if (Files.exists(file)) {
          throw CommandFailed.refused(
              file + " exists already. Remove it first: other hosts know this one by it.");
        }
      }
      if (days < 1) {
        throw new ParameterException(spec().commandLine(), "--days must be at least 1.");
      }
      HostIdentity identity;
      try {
        identity =
            HostIdentity.create(
                name, Duration.ofDays(days), surroundings().clock(), new SecureRandom());
      } catch (IllegalArgumentException e) {
        throw new ParameterException(spec().commandLine(), "--name: " + e.getMessage(), e);
      }
      identity.save(certificate, key);
      Shown shown = Shown.of(certificate, identity.certificate());
      answer(shown, shown.text(when()));
      remark(
          "Copy "
              + certificate
              + " to each other host and run 'holdfast cert trust' there. The key "
              + key
              + " stays here.");
      return ExitCode.OK;
    }
  }

  /** {@code cert show}. */
  @Command(
      name = "show",
      description = "Shows whose a certificate is, its fingerprint and its dates.",
      footerHeading = "%nExample:%n",
      footer = "  holdfast cert show /etc/holdfast/host.crt")
  static final class Show extends Verb {
    @Parameters(paramLabel = "FILE", description = "A certificate, PEM or DER.")
    private Path file;

    @Override
    public Integer call() throws Exception {
      Shown shown = Shown.of(file, CertificateFile.read(file));
      answer(shown, shown.text(when()));
      long now = surroundings().clock().epochNanos();
      if (shown.notAfterEpochNanos() < now || shown.notBeforeEpochNanos() > now) {
        remark("It is not valid now: other hosts refuse it.");
      }
      return ExitCode.OK;
    }
  }

  /** {@code cert trust}. */
  @Command(
      name = "trust",
      description = {
        "Lets the owner of a certificate in.",
        "Prints the [[remote]] block for the config, or appends it."
      },
      sortOptions = false,
      footerHeading = "%nExample:%n",
      footer = {
        "  holdfast cert trust host-b.crt --name host-b --endpoint 10.2.0.2:4754 \\",
        "      --addresses 10.1.0.0/24,fd00:1::/64 --append /etc/holdfast/holdfast.toml"
      })
  static final class Trust extends Verb {
    @Parameters(paramLabel = "FILE", description = "The other host's certificate.")
    private Path file;

    @Option(
        names = "--name",
        required = true,
        paramLabel = "HOST",
        description = "What the other host is called here.")
    private String name = "";

    @Option(
        names = "--endpoint",
        required = true,
        paramLabel = "HOST:PORT",
        description =
            "Where its daemon listens: its address, or its name where that may change; \"\" where it"
                + " is behind a NAT and connects to this host.")
    private String endpoint = "";

    @Option(
        names = "--addresses",
        required = true,
        split = ",",
        hideParamSyntax = true,
        paramLabel = "PREFIX",
        description = "The old addresses that may be tunnelled between that host and this one.")
    private List<String> addresses = List.of();

    @Option(
        names = "--append",
        paramLabel = "CONFIG",
        description = "Append the block to this config, which must be good with it.")
    private @Nullable Path append;

    @Override
    public Integer call() throws Exception {
      X509Certificate certificate = CertificateFile.read(file);
      var block = RemoteBlock.of(name, endpoint, Fingerprint.of(certificate).toString(), addresses);
      if (append == null) {
        answer(block, block.toml());
        return ExitCode.OK;
      }
      appendTo(append, block);
      answer(block, block.toml());
      remark("Appended to " + append + "; the daemon reads it when it is started again.");
      return ExitCode.OK;
    }

    private static void appendTo(Path config, RemoteBlock block) throws IOException, CommandFailed {
      try {
        block.appendTo(config);
      } catch (RemoteBlock.NotGood e) {
        throw CommandFailed.usage(
            config
                + " is left as it was, for with the block it would not be good:\n"
                + e.getMessage());
      }
    }
  }
}
