package dev.holdfast.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.lab.Namespace;
import dev.holdfast.tunnel.device.NftContext;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** nft within the process, in a namespace of its own. */
@Timeout(60)
class NftContextIT {
  private static final String TABLE =
      """
      add table inet hft
      add set inet hft old { type ipv4_addr; }
      add chain inet hft in { type filter hook prerouting priority 0; }
      add rule inet hft in iifname "lo" ip daddr @old counter
      """;

  private Namespace namespace;

  @BeforeEach
  void make() throws Exception {
    namespace = Namespace.create("nft");
  }

  @AfterEach
  void remove() throws Exception {
    namespace.close();
  }

  @Test
  void changesTheRulesOfTheThreadsNamespaceAlone() throws Exception {
    String listed =
        namespace.call(() -> {
          try (NftContext nft = NftContext.open()) {
            assertThat(nft.run(TABLE)).isEmpty();
            nft.run("add element inet hft old { 10.1.0.10, 10.1.0.11 }");
            nft.run("delete element inet hft old { 10.1.0.11 }");
            return nft.run("list set inet hft old");
          }
        });
    assertThat(listed).contains("10.1.0.10").doesNotContain("10.1.0.11");
    assertThat(namespace.run("nft", "list", "ruleset")).contains("10.1.0.10");
    try (NftContext outside = NftContext.open()) {
      assertThat(outside.run("list tables")).doesNotContain("hft");
    }
  }

  @Test
  void aScriptIsDoneWholeOrNotAtAll() throws Exception {
    namespace.call(() -> {
      try (NftContext nft = NftContext.open()) {
        nft.run(TABLE);
        assertThatThrownBy(() ->
                nft.run(
                    """
                    add element inet hft old { 10.1.0.10 }
                    add element inet hft nothere { 10.1.0.11 }
                    """))
            .isInstanceOf(IOException.class)
            .hasMessageStartingWith("nft refused: ")
            .hasMessageContaining("No such file or directory");
        assertThat(nft.run("list set inet hft old")).doesNotContain("10.1.0.10");
        assertThatThrownBy(() -> nft.run("add elephant")).hasMessageContaining("syntax error");
        assertThat(nft.run("list set inet hft old"))
            .as("an error leaves the context usable, and its text behind")
            .startsWith("table inet hft");
      }
      return null;
    });
  }

  @Test
  void aClosedContextIsSaid() throws Exception {
    NftContext nft = namespace.call(NftContext::open);
    nft.close();
    nft.close();
    assertThatThrownBy(() -> nft.run("list tables"))
        .isInstanceOf(IOException.class)
        .hasMessage("the nft context is closed");
  }
}
