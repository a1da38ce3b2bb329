package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

class HelpTest {

  static List<CommandLine> commands() {
    List<CommandLine> commands = new ArrayList<>();
    collect(Main.commandLine(CliRun.SURROUNDINGS), commands);
    return commands;
  }

  private static void collect(CommandLine command, List<CommandLine> commands) {
    commands.add(command);
    command.getSubcommands().values().forEach(each -> collect(each, commands));
  }

  static Stream<String> names() {
    return commands().stream().map(each -> each.getCommandSpec().qualifiedName());
  }

  @ParameterizedTest
  @MethodSource("names")
  void everyCommandExplainsItself(String name) {
    List<String> arguments = new ArrayList<>(Arrays.asList(name.split(" ")));
    arguments.removeFirst();
    arguments.add("--help");
    CliRun run = CliRun.of(arguments.toArray(String[]::new));

    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).startsWith("Usage: " + name + " ");
    assertThat(run.out()).contains("--json", "--socket", "Example");
    assertThat(run.err()).isEmpty();
    assertThat(run.out().lines()).allMatch(line -> line.length() <= 100);
    assertThat(run.out()).matches("\\A\\p{ASCII}*\\z");
  }

  static Stream<String> examples() {
    return commands().stream()
        .map(each -> String.join("\n", each.getCommandSpec().usageMessage().footer()))
        .flatMap(footer -> footer.replaceAll("\\\\\\n\\s*", "").lines())
        .map(String::strip);
  }

  @ParameterizedTest
  @MethodSource("examples")
  void everyExampleIsUnderstood(String example) {
    String command = example.replaceFirst("( \\||   ).*", "");
    assertThat(command).startsWith("holdfast ");
    String[] arguments = words(command.substring("holdfast ".length()));
    assertThatCode(() -> Main.commandLine(CliRun.SURROUNDINGS).parseArgs(arguments))
        .doesNotThrowAnyException();
  }

  /** As a shell finds them; single quotes alone are understood. */
  private static String[] words(String command) {
    return Pattern.compile("(?:[^ ']|'[^']*')+")
        .matcher(command)
        .results()
        .map(word -> word.group().replace("'", ""))
        .toArray(String[]::new);
  }

  @ParameterizedTest
  @MethodSource("names")
  void whatIsNamedFirstIsAllThatIsBuilt(String name) {
    List<String> words = Arrays.asList(name.split(" "));
    String[] arguments = words.subList(1, words.size()).toArray(String[]::new);
    if (arguments.length > 0) {
      assertThat(Main.needed(arguments)).containsExactly(arguments[0]);
    } else {
      assertThat(Main.needed(arguments)).hasSizeGreaterThan(8);
    }
  }
}
