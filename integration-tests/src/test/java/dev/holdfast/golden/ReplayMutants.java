package dev.holdfast.golden;

import dev.holdfast.mutants.Mutant;
import java.util.List;

/** What the golden captures are to notice, each broken by one small change. */
final class ReplayMutants {
  private static final String HOLD = "redirector/hold/";
  private static final String PACKET = "tunnel/packet/";

  private ReplayMutants() {}

  static final List<Mutant> ALL =
      List.of(
          new Mutant(
              "hold queue: what is held is given to the guest",
              HOLD + "HoldQueue.java",
              "mirror.kept(packet.id, lane, copy);",
              ""),
          new Mutant(
              "hold queue: only what is repeated is replaced",
              HOLD + "TcpQueue.java",
              "if (offset(other) >= start && end(other) <= end) {",
              "if (offset(other) < start) {"),
          new Mutant(
              "hold queue: the highest acknowledgment stays",
              HOLD + "TcpQueue.java",
              "packet.acknowledgment - before.acknowledgment < 0",
              "true"),
          new Mutant(
              "hold queue: a FIN stays in a full queue",
              HOLD + "HeldPacket.java",
              "kind == Kind.RESET || (flags & PacketView.FIN) != 0",
              "kind == Kind.RESET"),
          new Mutant(
              "hold queue: staged packets go out in the order of their arrival",
              HOLD + "StagedLane.java",
              "return ids[index];",
              "return ids[count - 1 - index];"),
          new Mutant(
              "sequence map: the guest's next expected byte stays",
              HOLD + "TcpQueue.java",
              "if (packet != first) {",
              "if (packet == first) {"),
          new Mutant(
              "sequence map: the lowest bytes stay, the highest go first",
              HOLD + "TcpQueue.java",
              "return packet.sequence - base;",
              "return base - packet.sequence;"),
          new Mutant(
              "sequence map: each segment of a super-packet has its own number",
              PACKET + "Segmenter.java",
              "+ done * size);\n      out.setByte",
              ");\n      out.setByte"),
          new Mutant(
              "sequence map: each fragment has its own place",
              PACKET + "Fragmenter.java",
              "(fragmentWord & OFFSET) + done / UNIT",
              "(fragmentWord & OFFSET)"),
          new Mutant(
              "checksum: a segment's covers all of its data",
              PACKET + "Segmenter.java",
              "Checksums.complete(out, header, fieldOffset(), out.writerIndex());",
              "Checksums.complete(out, header, fieldOffset(), out.writerIndex() - 2);"),
          new Mutant(
              "checksum: a segment's covers its own length",
              PACKET + "Segmenter.java",
              "Checksums.fold((long) pseudoSum + length)",
              "Checksums.fold((long) pseudoSum)"),
          new Mutant(
              "checksum: of IPv4 headers, over all of it",
              PACKET + "Checksums.java",
              "sum(buf, index + 12, headerLength - 12, sum) & 0xffff",
              "sum(buf, index + 12, headerLength - 14, sum) & 0xffff"));
}
