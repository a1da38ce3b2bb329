package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.steer.KernelChange.Command;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A kernel that remembers what it was told and changes nothing: for tests, and for dry runs on top
 * of a real one's facts.
 */
public final class FakeKernel implements Kernel {
  private final @Nullable Kernel facts;
  private final List<String> said = new ArrayList<>();
  private final Map<String, String> answers = new HashMap<>();
  private final Map<String, String> refusals = new HashMap<>();

  /** Knows only what it is told by {@link #answer}. */
  public FakeKernel() {
    this.facts = null;
  }

  /** Answers questions as {@code facts} does. */
  public FakeKernel(Kernel facts) {
    this.facts = facts;
  }

  /**
   * From now on, {@code question} ("ip link show", "sysctl net.ipv4.ip_forward") is answered so.
   */
  public void answer(String question, String answer) {
    answers.put(question, answer);
  }

  /** From now on, a command that contains {@code part} is refused in these words. */
  public void refuse(String part, String words) {
    refusals.put(part, words);
  }

  public void refuseNothing() {
    refusals.clear();
  }

  /** Every command so far, one line each: "ip route add ...", "nft ...", "sysctl path=value". */
  public List<String> said() {
    return List.copyOf(said);
  }

  public void forget() {
    said.clear();
  }

  @Override
  public void run(Command command) throws IOException {
    String line =
        switch (command) {
          case Command.Ip ip -> "ip " + ip.arguments();
          case Command.Nft nft -> "nft " + nft.script().strip();
          case Command.Conntrack conntrack -> "conntrack " + conntrack.arguments();
          case Command.Sysctl sysctl -> "sysctl " + sysctl.path() + "=" + sysctl.value();
          case Command.SysctlBack back ->
              "sysctl " + back.path() + "=" + back.before() + " if " + back.ours();
        };
    say(line);
    if (command instanceof Command.Sysctl sysctl) {
      answers.put("sysctl " + sysctl.path(), sysctl.value());
    }
  }

  private void say(String line) throws IOException {
    said.add(line);
    for (Map.Entry<String, String> refusal : refusals.entrySet()) {
      if (line.contains(refusal.getKey())) {
        throw new KernelRefusal(line + ": " + refusal.getValue());
      }
    }
  }

  @Override
  public void nftNow(String script) throws IOException {
    say("nft now " + script.strip());
  }

  @Override
  public void nftCheck(String script) throws IOException {
    say("nft check " + script.strip());
  }

  @Override
  public String conntrack(String arguments, String input) throws IOException {
    say("conntrack " + arguments + (input.isEmpty() ? "" : "\n" + input.strip()));
    return answers.getOrDefault("conntrack " + arguments, "");
  }

  @Override
  public String query(String arguments) throws IOException {
    String answer = answers.get("ip " + arguments);
    return answer != null ? answer : facts != null ? facts.query(arguments) : "[]";
  }

  @Override
  public String bridgeQuery(String arguments) throws IOException {
    String answer = answers.get("bridge " + arguments);
    return answer != null ? answer : facts != null ? facts.bridgeQuery(arguments) : "[]";
  }

  @Override
  public String nftListNow(String script) {
    return answers.getOrDefault("nft " + script.strip(), "");
  }

  @Override
  public String nftQuery(String arguments) throws IOException {
    String answer = answers.get("nft " + arguments);
    return answer != null ? answer : facts != null ? facts.nftQuery(arguments) : "{}";
  }

  @Override
  public void tc(String arguments) throws IOException {
    say("tc " + arguments);
  }

  @Override
  public String filterSave(String tool) throws IOException {
    String answer = answers.get(tool);
    return answer != null ? answer : facts != null ? facts.filterSave(tool) : "";
  }

  @Override
  public String sysctl(String path) throws IOException {
    String answer = answers.get("sysctl " + path);
    if (answer != null) {
      return answer;
    }
    if (facts != null) {
      return facts.sysctl(path);
    }
    throw new KernelRefusal("sysctl " + path + ": No such file or directory");
  }
}
