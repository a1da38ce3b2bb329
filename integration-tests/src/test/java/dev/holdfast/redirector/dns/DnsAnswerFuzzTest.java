package dev.holdfast.redirector.dns;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.fuzz.Bytes;
import dev.holdfast.fuzz.StandingClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.TSIGRecord;
import org.xbill.DNS.Type;

/** What claims to be a name server's answer, and key files. */
class DnsAnswerFuzzTest {
  private static final int ID = 0x1234;

  @TempDir static Path folder;

  private static Message query() {
    var query =
        Message.newQuery(
            Record.newRecord(Name.fromConstantString("vm.lab.test."), Type.A, DClass.IN));
    query.getHeader().setID(ID);
    return query;
  }

  @MethodSource("answers")
  @FuzzTest
  void unsigned(byte[] data) {
    assertUsable(AnswerCheck.check(query(), null, null, data));
  }

  /** Nobody can make up a signature: what is believed is a refusal. */
  @MethodSource("answers")
  @FuzzTest
  void signed(byte[] data) throws Exception {
    TSIG signer =
        TsigKey.of("mv-key.", "hmac-sha256", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
            .signer(new StandingClock());
    Message request = query();
    request.setTSIG(signer);
    TSIGRecord signature = new Message(request.toWire(Message.MAXLENGTH)).getTSIG();
    AnswerCheck.Verdict verdict = AnswerCheck.check(request, signer, signature, data);
    assertUsable(verdict);
    if (verdict instanceof AnswerCheck.Verdict.Believed(Answer answer)) {
      assertThat(answer.signed()).isFalse();
      assertThat(answer.rcode()).isNotZero();
    }
  }

  private static void assertUsable(AnswerCheck.Verdict verdict) {
    if (verdict instanceof AnswerCheck.Verdict.Believed(Answer answer)) {
      assertThat(answer.rcode()).isNotNegative();
      assertThat(answer.signatureError()).isNotNegative();
      assertThat(answer.clockDifference(Instant.EPOCH)).isNotNull();
      assertThat(answer.message().getSection(Section.ANSWER)).isNotNull();
    }
  }

  static Stream<byte[]> answers() {
    String question = "02766d036c616204746573740000010001";
    return Stream.of(
            "12348580000100010000" + "0000" + question + "c00c000100010000001e00040a01000a",
            "12348583000100000000" + "0000" + question,
            "12348189000000000000" + "0000",
            "1234858000010001000000" + "00" + question + "c00c000100010000001effff0a01",
            "12348580000100010000" + "0000" + question + "c0ffc00c",
            "123485890001000000000001"
                + question
                + "066d762d6b6579000"
                + "0fa00ff00000000003d"
                + "0b686d61632d73686132353600"
                + "000000000001012c0000123400120006000000000002")
        .map(text -> text.length() % 2 == 0 ? text : text + "0")
        .map(Bytes::hex);
  }

  @MethodSource("keyFiles")
  @FuzzTest
  void keyFile(byte[] data) throws IOException {
    Path file = Files.write(folder.resolve("tsig.key"), data);
    try {
      assertThat(KeyFile.read(file)).isNotNull();
    } catch (DnsException e) {
      assertThat(e.sentence()).contains(file.toString());
    }
  }

  static Stream<byte[]> keyFiles() {
    return Stream.of(
            "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n",
            "key \"mv-key.\" { algorithm hmac-sha256; secret \"MDEyMw==\"; };\n",
            "// a comment\nkey mv-key { secret /* here */ \"MDEyMw==\"; }; # end\n",
            "key \"mv-key\" { secret }",
            "key } {",
            "{")
        .map(Bytes::text);
  }
}
