package dev.holdfast.golden;

import dev.holdfast.rules.SourceTree;
import java.nio.file.Path;
import java.util.List;

/** All of them. */
final class GoldenCases {
  /** Where the tree has them. */
  static final Path FOLDER = SourceTree.root().resolve("integration-tests").resolve("golden");

  private GoldenCases() {}

  /** What users have every day, and then what is awkward to replay. */
  static List<GoldenCase> all() {
    return List.of(
        new BulkCase(),
        new InteractiveCase(),
        new TlsCase(),
        new HttpKeepAliveCase(),
        new DnsUdpCase(),
        new QuicLikeUdpCase(),
        new FragmentsCase(),
        new V6ExtensionHeadersCase(),
        new RetransmissionsCase(),
        new ZeroWindowCase(),
        new MidStreamStartCase(),
        new SimultaneousMovesCase(),
        new ResetCase(),
        new HalfCloseCase(),
        new SimultaneousCloseCase(),
        new KeepAliveCase(),
        new Ipv4OptionsCase(),
        new ReorderedCase(),
        new DuplicatesCase(),
        new WrappedSequenceCase(),
        new FastOpenCase(),
        new CloseBehindDataCase());
  }
}
