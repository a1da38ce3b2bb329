package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.steer.KernelChange.Command;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** One line of the ledger's file. Fields are only ever added. */
sealed interface LedgerLine {
  JsonMapper JSON = new JsonMapper();

  record Applied(long number, String owner, KernelChange change) implements LedgerLine {
    @Override
    public String toJson() {
      ObjectNode line = JSON.createObjectNode();
      line.put("applied", number).put("owner", owner).put("what", change.what());
      write(line.putArray("apply"), change.apply());
      line.put("undoWhat", change.undoWhat());
      write(line.putArray("undo"), change.undo());
      return JSON.writeValueAsString(line);
    }
  }

  record Undone(long number) implements LedgerLine {
    @Override
    public String toJson() {
      return JSON.writeValueAsString(JSON.createObjectNode().put("undone", number));
    }
  }

  String toJson();

  /**
   * Parses one whole line.
   *
   * @throws IOException when this program did not write it
   */
  static LedgerLine parse(String line, Path file) throws IOException {
    try {
      JsonNode node = JSON.readTree(line);
      if (node.has("undone")) {
        return new Undone(node.get("undone").asLong());
      }
      return new Applied(
          node.required("applied").asLong(),
          node.required("owner").asString(),
          new KernelChange(
              node.required("what").asString(),
              read(node.required("apply")),
              node.required("undoWhat").asString(),
              read(node.required("undo"))));
    } catch (JacksonException | IllegalArgumentException e) {
      throw new IOException(file + " is damaged; this line cannot be read: " + line, e);
    }
  }

  private static void write(ArrayNode array, List<Command> commands) {
    for (Command command : commands) {
      ObjectNode node = array.addObject();
      switch (command) {
        case Command.Ip ip -> node.put("ip", ip.arguments());
        case Command.Nft nft -> node.put("nft", nft.script());
        case Command.Conntrack conntrack -> node.put("conntrack", conntrack.arguments());
        case Command.Sysctl sysctl ->
            node.put("sysctl", sysctl.path()).put("value", sysctl.value());
        case Command.SysctlBack back ->
            node.put("sysctl", back.path()).put("ours", back.ours()).put("before", back.before());
      }
    }
  }

  private static List<Command> read(JsonNode array) {
    List<Command> commands = new ArrayList<>();
    for (JsonNode node : array) {
      if (node.has("ip")) {
        commands.add(new Command.Ip(node.get("ip").asString()));
      } else if (node.has("nft")) {
        commands.add(new Command.Nft(node.get("nft").asString()));
      } else if (node.has("conntrack")) {
        commands.add(new Command.Conntrack(node.get("conntrack").asString()));
      } else if (node.has("before")) {
        commands.add(
            new Command.SysctlBack(
                node.required("sysctl").asString(),
                node.required("ours").asString(),
                node.get("before").asString()));
      } else {
        commands.add(
            new Command.Sysctl(
                node.required("sysctl").asString(), node.required("value").asString()));
      }
    }
    return commands;
  }
}
