package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Packets as people write them down. */
class PacketFormsTest {
  private static final String DIGITS = "4500001c00004000401125c60a0900020a01000a9c400035000874f1";

  private static String parsed(String text) throws CommandFailed {
    return HexFormat.of().formatHex(PacketHex.parse(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        DIGITS,
        "0x" + DIGITS,
        "4500 001C 0000 4000 4011 25C6 0a09 0002 0a01 000a 9c40 0035 0008 74f1",
        "45:00:00:1c:00:00:40:00:40:11:25:c6:0a:09:00:02:0a:01:00:0a:9c:40:00:35:00:08:74:f1",
        "4500001c00004000\n  401125c60a090002\n0a01000a9c400035000874f1\n",
        "\t0x0000:  4500 001c 0000 4000 4011 25c6 0a09 0002\n"
            + "\t0x0010:  0a01 000a 9c40 0035 0008 74f1\n",
        "12:00:00.1 IP 10.9.0.2.40000 > 10.1.0.10.53: UDP, length 0\n"
            + "\t0x0000:  4500 001c 0000 4000 4011 25c6 0a09 0002  E.....@.@.%.....\n"
            + "\t0x0010:  0a01 000a 9c40 0035 0008 74f1            .....@.5..t.\n",
        "525400100010 525400010002 0800 " + DIGITS,
        "525400100010 525400010002 0800 " + DIGITS + "0000000000000000",
        "450010001000 525400010002 8100 0007 0800 " + DIGITS,
        "525400100010 525400010002 88a8 0001 8100 0007 0800 " + DIGITS
      })
  void hexIsReadInEveryForm(String text) throws CommandFailed {
    assertThat(parsed(text)).isEqualTo(DIGITS);
  }

  @Test
  void whatIsNoFrameIsLeftAsItIs() throws CommandFailed {
    assertThat(parsed("45")).isEqualTo("45");
    assertThat(parsed("00".repeat(40))).isEqualTo("00".repeat(40));
    String arp = "ffffffffffff5254000100020806" + "0001080006040001";
    assertThat(parsed(arp)).isEqualTo(arp);
  }

  @Test
  void whatIsNoHexIsRefusedInASentence() {
    refuses("", "No packet was given");
    refuses("  \n", "No packet was given");
    refuses("450", "3 hex digits, an odd number");
    refuses("45 0g", "'g' is not a hex digit");
    refuses("sctp", "'s' is not a hex digit");
    refuses("45\u0661\u0661", "is not a hex digit");
    refuses("00".repeat(65_536), "longer than any IP packet: 65536 bytes");
    refuses("00".repeat(70_000), "longer than any IP packet");
    refuses("0x0000:  4500 001c\n0x0010:  0a01", "does not follow byte 4");
    refuses("0x0000:  4500 001c\n0x0000:  4500 001c", "does not follow byte 4");
  }

  private static void refuses(String text, String message) {
    assertThatThrownBy(() -> PacketHex.parse(text))
        .isInstanceOf(CommandFailed.class)
        .hasMessageContaining(message);
  }

  // ---- tuples ----

  /** The options alone. */
  @Command(name = "tuple")
  static final class Options {
    @Mixin private PacketTuple tuple;

    @CommandLine.Parameters private List<String> words;
  }

  private final PacketView view = new PacketView();

  private static byte[] packet(String command) throws CommandFailed {
    Options options = new Options();
    new CommandLine(options).parseArgs(command.split(" +"));
    assertThat(PacketTuple.isTuple(options.words)).isTrue();
    return options.tuple.packet(options.words);
  }

  private PacketView view(String command) throws CommandFailed {
    byte[] bytes = packet(command);
    assertThat(view.check(Unpooled.wrappedBuffer(bytes), 0, bytes.length))
        .isEqualTo(PacketFault.NONE);
    return view;
  }

  @ParameterizedTest
  @CsvSource({
    "tcp 10.9.0.2:40000 10.1.0.10:80, 6, 40, 64, true",
    "tcp [fd00:9::2]:40000 [fd00:1::10]:80, 6, 60, 64, true",
    "udp 10.9.0.2:40000 10.1.0.10:53 --no-df --ttl 3, 17, 28, 3, false",
    "udp 10.9.0.2:40000 10.1.0.10:53 --df, 17, 28, 64, true",
    "icmp 10.9.0.2 10.1.0.10 --length 84, 1, 84, 64, true",
    "icmp fd00:9::2 [fd00:1::10], 58, 48, 64, true",
    "icmp6 fd00:9::2 fd00:1::10, 58, 48, 64, true",
    "47 10.9.0.2 10.1.0.10 --length 100, 47, 100, 64, true",
    "sctp 10.9.0.2 10.1.0.10, 132, 20, 64, true",
    "6 10.9.0.2:1 10.1.0.10:2, 6, 40, 64, true",
    "tcp 10.9.0.2:40000 10.1.0.10:80 --length 65535, 6, 65535, 64, true",
    "udp 10.9.0.2:1 10.1.0.10:2 --fragment 1480, 17, 20, 64, false",
    "udp [fd00::1]:1 [fd00::2]:2 --fragment 0+ --length 1280, 17, 1280, 64, true"
  })
  void aTupleIsAnOrdinaryPacket(String command, int protocol, int length, int ttl, boolean df)
      throws CommandFailed {
    PacketView made = view(command);
    assertThat(List.of(made.protocol(), made.length(), made.hopLimit()))
        .containsExactly(protocol, length, ttl);
    assertThat(made.dontFragment()).isEqualTo(df);
    assertThat(made.isFragment()).isEqualTo(command.contains("--fragment"));
  }

  @Test
  void flagsAreThoseThatAreNamed() throws CommandFailed {
    String tuple = "tcp 10.9.0.2:40000 10.1.0.10:80";
    assertThat(view(tuple).tcpFlags()).isEqualTo(PacketView.ACK);
    assertThat(view(tuple + " --flags S").tcpFlags()).isEqualTo(PacketView.SYN);
    assertThat(view(tuple + " --flags SA").tcpFlags()).isEqualTo(PacketView.SYN | PacketView.ACK);
    assertThat(view(tuple + " --flags F.").tcpFlags()).isEqualTo(PacketView.FIN | PacketView.ACK);
    assertThat(view(tuple + " --flags R").tcpFlags()).isEqualTo(PacketView.RST);
    assertThat(view(tuple + " --flags PAUEW").tcpFlags()).isEqualTo(0xf8);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "tcp 10.9.0.2 10.1.0.10:80              | '10.9.0.2' has no port; write \"10.9.0.2:PORT\"",
        "udp [fd00::1]:53 fd00::2               | 'fd00::2' has no port; write \"[fd00::2]:PORT\"",
        "tcp here 10.1.0.10:80                  | 'here' is not an endpoint; write an IP address and a port, such as \"10.1.0.2:PORT\"",
        "tcp 10.9.0.2:0 10.1.0.10:80            | port 0 is not within 1..65535",
        "tcp 10.9.0.2:1                         | Give protocol, source and destination",
        "icmp 10.9.0.2:5 10.1.0.10              | icmp has no ports",
        "foo 10.9.0.2 10.1.0.10                 | 'foo' is not a protocol known here",
        "256 10.9.0.2 10.1.0.10                 | '256' is not a protocol known here",
        "icmp 10.9.0 10.1.0.10                  | '10.9.0' is not an IP address",
        "icmp 10.9.0.2 fd00::1                  | differ in family",
        "udp 10.9.0.2:1 10.1.0.10:2 --flags S   | --flags is for tcp alone",
        "tcp 10.9.0.2:1 10.1.0.10:2 --flags SX  | 'X' is not a TCP flag",
        "tcp 10.9.0.2:1 10.1.0.10:2 --ttl 256   | --ttl 256 is not within 0..255",
        "tcp 10.9.0.2:1 10.1.0.10:2 --length 39 | --length 39 is not within 40 (its headers) to 65535",
        "tcp 10.9.0.2:1 10.1.0.10:2 --length 65536 | --length 65536 is not within",
        "tcp 10.9.0.2:1 10.1.0.10:2 --df --no-df   | not both",
        "tcp [fd00::1]:1 [fd00::2]:2 --no-df    | --no-df is for IPv4",
        "udp 10.9.0.2:1 10.1.0.10:2 --fragment 0    | --fragment 0 is none",
        "udp 10.9.0.2:1 10.1.0.10:2 --fragment 7+   | --fragment 7+ is none",
        "udp 10.9.0.2:1 10.1.0.10:2 --fragment all  | --fragment all is none",
        "udp 10.9.0.2:1 10.1.0.10:2 --fragment 8 --df  | a fragment has no --df"
      })
  void aWrongTupleIsRefusedInASentence(String command, String message) {
    assertThatThrownBy(() -> packet(command))
        .isInstanceOf(CommandFailed.class)
        .hasMessageContaining(message);
  }

  @Test
  void hexIsNoTuple() {
    for (String hex : List.of("4500 001c 0000", "45:00 00:1c 00:00", "4500001c", "-")) {
      assertThat(PacketTuple.isTuple(Arrays.asList(hex.split(" ")))).as(hex).isFalse();
    }
  }
}
