package dev.holdfast.dns.real;

import dev.holdfast.lab.Namespace;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;

/** Asks servers without the product's own client. */
public final class Questions {
  private Questions() {}

  /** A server's answer to one question. */
  static Message ask(
      Namespace from, InetSocketAddress server, String name, int type, Duration timeout)
      throws Exception {
    return send(
        from,
        server,
        Message.newQuery(Record.newRecord(Name.fromString(name), type, DClass.IN)),
        timeout);
  }

  /** A server's answer to any message. */
  static Message send(Namespace from, InetSocketAddress server, Message message, Duration timeout)
      throws Exception {
    return from.call(() -> resolver(server, timeout).send(message));
  }

  /** To be used in the server's or the client's namespace. */
  public static SimpleResolver resolver(InetSocketAddress server, Duration timeout) {
    var resolver = new SimpleResolver(server);
    resolver.setTimeout(timeout);
    return resolver;
  }

  /** The records of a name, each as {@code TTL VALUE}, sorted; addresses in their short form. */
  public static List<String> records(
      Namespace from, InetSocketAddress server, String name, int type) throws Exception {
    try {
      return ask(from, server, name, type, Duration.ofSeconds(10))
          .getSection(Section.ANSWER)
          .stream()
          .map(each -> each.getTTL() + " " + value(each))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new AssertionError(server + " gives no answer for " + name, e);
    }
  }

  private static String value(Record record) {
    return record instanceof AAAARecord
        ? record.rdataToString().replaceFirst("(:0)+:", "::")
        : record.rdataToString();
  }
}
