package dev.holdfast.redirector.steer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.steer.KernelChange.Command;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelLedgerTest {

  @TempDir private Path folder;
  private Path file;
  private final FakeKernel kernel = new FakeKernel();

  @BeforeEach
  void chooseFile() {
    file = folder.resolve("kernel.ledger");
  }

  private static KernelChange change(String name) {
    return new KernelChange(
        "add " + name,
        List.of(new Command.Ip(name + " add"), new Command.Sysctl("net/" + name, "1")),
        "delete " + name,
        List.of(
            new Command.SysctlBack("net/" + name, "1", "0"),
            new Command.Nft("delete \"" + name + "\"\n")));
  }

  private static List<String> undone(String... names) {
    List<String> lines = new ArrayList<>();
    for (String name : names) {
      lines.add("sysctl net/" + name + "=0 if 1");
      lines.add("nft delete \"" + name + "\"");
    }
    return lines;
  }

  @Test
  void isOnTheDiskBeforeTheKernelHasIt() throws IOException {
    Path seen = folder.resolve("seen");
    Kernel curious = new WatchingKernel(kernel, () -> Files.copy(file, seen));
    KernelLedger.open(file, curious).apply("m1", change("a"));

    KernelLedger later = KernelLedger.open(seen, kernel);
    assertThat(later.owners()).containsExactly("m1");
    assertThat(later.changes("m1")).containsExactly(change("a"));
  }

  @Test
  void undoesOneOwnersChangesNewestFirst() throws IOException {
    KernelLedger ledger = KernelLedger.open(file, kernel);
    ledger.apply("m1", List.of(change("a"), change("b")));
    ledger.apply("m2", change("other"));
    ledger.apply("m1", change("c"));
    kernel.forget();

    assertThat(ledger.undo("m1")).isEmpty();
    assertThat(kernel.said()).containsExactlyElementsOf(undone("c", "b", "a"));
    assertThat(ledger.owners()).containsExactly("m2");
  }

  @Test
  void undoesWhatAKilledProcessHadDone() throws IOException {
    KernelLedger killed = KernelLedger.open(file, kernel);
    killed.apply("m1", List.of(change("a"), change("b")));
    kernel.forget();

    KernelLedger ledger = KernelLedger.open(file, kernel);
    assertThat(ledger.undo("m1")).isEmpty();
    assertThat(kernel.said()).containsExactlyElementsOf(undone("b", "a"));
  }

  @Test
  void knowsWhateverMayBeAppliedWhereverACrashCutsTheFile() throws IOException {
    KernelLedger ledger = KernelLedger.open(file, kernel);
    ledger.apply("host", change("shared"));
    ledger.apply("m1", List.of(change("a"), change("b")));
    ledger.apply("m2", change("c"));
    kernel.refuse("delete \"b\"", "Device or resource busy");
    assertThat(ledger.undo("m1")).hasSize(1);
    kernel.refuseNothing();
    byte[] whole = Files.readAllBytes(file);
    assertThat(new String(whole, StandardCharsets.UTF_8).lines()).hasSize(5);

    for (int length = 0; length <= whole.length; length++) {
      byte[] cut = java.util.Arrays.copyOf(whole, length);
      Files.write(file, cut);
      List<String> left = leftAfter(new String(cut, StandardCharsets.UTF_8));
      KernelLedger reopened = KernelLedger.open(file, kernel);
      kernel.forget();
      assertThat(reopened.undoAll()).isEmpty();
      assertThat(kernel.said())
          .as("cut after %d bytes", length)
          .containsExactlyElementsOf(undone(left.toArray(new String[0])));
      assertThat(file).doesNotExist();
    }
  }

  /** What must be undone, in this order, when only whole lines of {@code text} count. */
  private static List<String> leftAfter(String text) {
    int lines = (int) text.chars().filter(c -> c == '\n').count();
    return switch (lines) {
      case 0 -> List.of();
      case 1 -> List.of("shared");
      case 2 -> List.of("a", "shared");
      case 3 -> List.of("b", "a", "shared");
      case 4 -> List.of("c", "b", "a", "shared");
      default -> List.of("c", "b", "shared"); // "b" could not be undone, "a" was
    };
  }

  @Test
  void writesOnAfterATornLine() throws IOException {
    KernelLedger.open(file, kernel).apply("m1", change("a"));
    Files.writeString(
        file, Files.readString(file) + "{\"applied\":2,\"own", StandardCharsets.UTF_8);

    KernelLedger.open(file, kernel).apply("m1", change("b"));
    assertThat(KernelLedger.open(file, kernel).changes("m1"))
        .containsExactly(change("a"), change("b"));
  }

  @Test
  void refusesAFileThatIsNotItsOwn() throws IOException {
    Files.writeString(file, "hello\n");
    assertThatThrownBy(() -> KernelLedger.open(file, kernel))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("damaged")
        .hasMessageContaining("hello");
  }

  @Test
  void goesOnPastFailuresAndKeepsWhatIsLeft() throws IOException {
    KernelLedger ledger = KernelLedger.open(file, kernel);
    ledger.apply("m1", List.of(change("a"), change("b"), change("c")));
    kernel.refuse("net/b=0", "Operation not permitted");
    kernel.forget();

    assertThat(ledger.undo("m1"))
        .singleElement()
        .asString()
        .contains("delete b")
        .contains("Operation not permitted");
    assertThat(kernel.said()).containsExactlyElementsOf(undone("c", "b", "a"));
    assertThat(KernelLedger.open(file, kernel).changes("m1")).containsExactly(change("b"));
  }

  @Test
  void takesWhatIsGoneAlreadyForUndone() throws IOException {
    KernelLedger ledger = KernelLedger.open(file, kernel);
    ledger.apply("m1", change("a"));
    kernel.refuse("delete \"a\"", "Error: No such file or directory");
    assertThat(ledger.undo("m1")).isEmpty();
    assertThat(file).doesNotExist();
  }

  @Test
  void namesWhatAFailedApplyMayHaveLeft() throws IOException {
    KernelLedger ledger = KernelLedger.open(file, kernel);
    kernel.refuse("b add", "Operation not permitted");
    assertThatThrownBy(() -> ledger.apply("m1", List.of(change("a"), change("b"), change("c"))))
        .isInstanceOf(KernelRefusal.class);
    assertThat(kernel.said()).doesNotContain("ip c add");
    assertThat(ledger.changes("m1")).hasSize(3);
  }

  @Test
  void makesNothingTwice() throws IOException {
    KernelLedger ledger = KernelLedger.open(file, kernel);
    ledger.apply(KernelLedger.HOST, change("a"));
    ledger.apply(KernelLedger.HOST, List.of(change("a"), change("b")));
    assertThat(kernel.said())
        .containsExactly("ip a add", "sysctl net/a=1", "ip b add", "sysctl net/b=1");
    assertThat(ledger.changes(KernelLedger.HOST)).hasSize(2);
  }

  @Test
  void makesAnewWhatARestartedHostHasLost() throws IOException {
    KernelLedger.open(file, kernel).apply("m1", List.of(change("a"), change("b")));
    long length = Files.size(file);
    kernel.forget();

    KernelLedger.open(file, kernel).reapply("m1");
    assertThat(kernel.said())
        .containsExactly("ip a add", "sysctl net/a=1", "ip b add", "sysctl net/b=1");
    assertThat(Files.size(file)).isEqualTo(length);
  }

  @Test
  void makesSomeOfThemAgainButNothingNew() throws IOException {
    KernelLedger ledger = KernelLedger.open(file, kernel);
    ledger.apply("host", List.of(change("a"), change("b")));
    kernel.forget();
    long length = Files.size(file);

    ledger.reapply("host", List.of(change("b"), change("new")));
    assertThat(kernel.said()).containsExactly("ip b add", "sysctl net/b=1");
    assertThat(Files.size(file)).isEqualTo(length);
  }
}
