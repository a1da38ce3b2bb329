package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** An outage is told in a few lines, however many data connections it takes. */
class LinkNewsTest {

  @Test
  void oneConnectionComesAndGoes() {
    var news = new LinkNews(1, "to host-b");
    assertThat(news.up(0)).isEqualTo("data connection to host-b is up");
    assertThat(news.down(0, "reset")).isEqualTo("data connection to host-b is down: reset");
    assertThat(news.up(0)).isEqualTo("data connection to host-b is up");
  }

  @Test
  void ofSeveralTheFirstAndTheLastAreToldAndTheirReturn() {
    var news = new LinkNews(4, "to host-b");
    for (int lane = 0; lane < 3; lane++) {
      assertThat(news.up(lane)).isNull();
    }
    assertThat(news.up(3)).isEqualTo("all 4 data connections to host-b are up");
    assertThat(news.down(1, "reset"))
        .isEqualTo(
            "data connection 2 of 4 to host-b is down: reset; the flows of the others go on");
    assertThat(news.down(0, "reset")).isNull();
    assertThat(news.down(0, "again")).isNull();
    assertThat(news.down(3, "reset")).isNull();
    assertThat(news.down(2, "gone")).isEqualTo("no data connection to host-b is up: gone");
    for (int lane = 0; lane < 3; lane++) {
      assertThat(news.up(lane)).isNull();
    }
    assertThat(news.up(3)).isEqualTo("all 4 data connections to host-b are up");
  }

  @Test
  void oneThatIsReplacedIsNoNews() {
    var news = new LinkNews(2, "from host-a");
    assertThat(news.up(0)).isNull();
    assertThat(news.up(0)).isNull();
    assertThat(news.up(1)).isEqualTo("all 2 data connections from host-a are up");
    assertThat(news.up(1)).isNull();
  }
}
