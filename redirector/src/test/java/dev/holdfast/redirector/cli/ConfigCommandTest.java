package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ConfigCommandTest {
  @TempDir private Path folder;

  @Test
  void aGoodConfigIsGood() throws Exception {
    Path config = Configs.write(folder);
    CliRun run = CliRun.of("config", "check", config.toString());
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).isEqualTo(config + " is good.\n");
    assertThat(run.err())
        .isEqualTo(
            """
            %1$s: there is no [[remote]]: no host may send or receive anything
            %1$s: there is no [[dns]]: names are not updated
            """
                .formatted(config));
  }

  @Test
  void everyMistakeIsAnAnswer() throws Exception {
    Path config = Files.writeString(folder.resolve("h.toml"), "[tunnel]\nlisten = 1\nuplink = 2\n");
    CliRun run = CliRun.of("config", "check", config.toString());
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.out())
        .isEqualTo(
            """
            %1$s: there is no [identity] table; it must have certificate and key
            %1$s:2:1: [tunnel] listen: must be text in quotes, not the number 1
            %1$s:3:1: [tunnel] uplink: must be text in quotes, not the number 2
            3 mistakes.
            """
                .formatted(config));
    assertThat(run.err()).isEmpty();
  }

  @Test
  void theNamedFilesAreLookedAt() throws Exception {
    Path config = Configs.write(folder);
    Files.delete(folder.resolve("host.crt"));
    Files.writeString(
        config,
        Files.readString(config)
            + "[[dns]]\nzone='z.'\nserver='127.0.0.1:53'\nkey-name='k'\nkey-secret-file='none'\n");
    CliRun run = CliRun.of("config", "check", config.toString());
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.out())
        .startsWith(config + ": [identity]: ")
        .contains(folder.resolve("host.crt").toString())
        .contains(
            config + ": [[dns]] key-secret-file: there is no file " + folder.resolve("none") + "\n")
        .endsWith("2 mistakes.\n");
  }

  @Test
  void aHookMustBeThereAndExecutable() throws Exception {
    Path config = Configs.write(folder);
    Path plain = Files.writeString(folder.resolve("plain"), "#!/bin/sh\n");
    Files.writeString(
        config,
        Files.readString(config)
            + "[[hook]]\nevents=['done']\ncommand=['%s']\n".formatted(folder.resolve("none"))
            + "[[hook]]\nevents=['done']\ncommand=['%s']\n".formatted(plain)
            + "[[hook]]\nevents=['done']\ncommand=['/bin/sh', '-c', 'true']\n");
    CliRun run = CliRun.of("config", "check", config.toString());
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.out())
        .contains("[[hook]] command: there is no file " + folder.resolve("none") + "\n")
        .contains("[[hook]] command: " + plain + " may not be executed\n")
        .endsWith("2 mistakes.\n");
  }

  @Test
  void jsonHasThePlaces() throws Exception {
    Path config = Files.writeString(folder.resolve("h.toml"), "colour = 1\n");
    CliRun run = CliRun.of("config", "check", config.toString(), "--json");
    assertThat(run.exitCode()).isEqualTo(2);
    JsonNode answer = JsonMapper.shared().readTree(run.out());
    assertThat(answer.get("schema").stringValue()).isEqualTo("holdfast.config-check/1");
    assertThat(answer.get("ok").booleanValue()).isFalse();
    JsonNode last = answer.get("problems").get(2);
    assertThat(last.get("line").intValue()).isEqualTo(1);
    assertThat(last.get("message").stringValue()).startsWith("'colour' stands in no known table");
  }

  @Test
  void aConfigThatIsNotThereIsAMistake() {
    CliRun run = CliRun.of("config", "check", folder.resolve("none").toString());
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.out()).startsWith(folder.resolve("none") + ": there is no such file\n");
  }
}
