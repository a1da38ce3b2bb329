package dev.holdfast.redirector.demo.load;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Conversations over the loopback device: no namespace, no move. */
class ConversationTest {
  private static final Script SCRIPT = new Script(1000, Duration.ofMillis(1));

  private final Course course = new Course();
  private ServerSocketChannel listener;
  private SocketChannel client;
  private SocketChannel guest;

  @BeforeEach
  void connect() throws IOException {
    listener = ServerSocketChannel.open();
    listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    client = SocketChannel.open(listener.getLocalAddress());
    guest = listener.accept();
  }

  @AfterEach
  void close() throws IOException {
    listener.close();
    client.close();
    guest.close();
  }

  private Conversation conversation(int index) throws IOException {
    return new Conversation(
        index, 1, "here", (InetSocketAddress) client.getLocalAddress(), client, SCRIPT, course);
  }

  private Conversation begin(int index) throws IOException {
    Conversation conversation = conversation(index);
    conversation.clientConnected();
    conversation.guestAccepted(guest);
    return conversation;
  }

  private static void awaitMoved(Conversation conversation) throws InterruptedException {
    while (!conversation.hasMovedBothWays() && !conversation.hasFailed()) {
      Thread.sleep(1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 7}) // every kind, and an idle one whose guest speaks first
  void survivesWhereNothingHappens(int index) throws Exception {
    Conversation conversation = begin(index);
    assertThat(conversation.hasMovedBothWays()).isFalse();
    course.enter(Phase.AFTER);
    awaitMoved(conversation);
    course.close();
    conversation.running().await();
    ConnectionResult result = conversation.result();
    assertThat(result.detail()).isEmpty();
    assertThat(result.outcome()).isEqualTo(Outcome.SURVIVED);
    assertThat(result.kind()).isEqualTo(Kind.of(index));
    assertThat(result.guestFirst()).isEqualTo(index == 7);
    assertThat(result.toGuest().after()).isPositive();
    assertThat(result.toClient().after()).isPositive();
  }

  @Test
  void bytesAreCountedInTheirPhase() throws Exception {
    Conversation conversation = begin(0);
    for (Phase phase : Phase.values()) {
      course.enter(phase);
      long before = conversation.sentByClient();
      while (conversation.sentByClient() == before) {
        Thread.sleep(1);
      }
    }
    awaitMoved(conversation);
    course.close();
    conversation.running().await();
    assertThat(conversation.result().bulk().spansTheMove()).isTrue();
  }

  @Test
  void aResetIsAReset() throws Exception {
    Conversation conversation = conversation(3);
    conversation.clientConnected(); // the guest's end stays with the test
    guest.setOption(StandardSocketOptions.SO_LINGER, 0);
    guest.close();
    awaitMoved(conversation);
    assertThat(conversation.result().outcome()).isEqualTo(Outcome.RESET);
  }

  @Test
  void anEarlyEndIsAReset() throws Exception {
    Conversation conversation = begin(3);
    client.shutdownOutput();
    awaitMoved(conversation);
    assertThat(conversation.result().outcome()).isEqualTo(Outcome.RESET);
    assertThat(conversation.result().detail())
        .isEqualTo("at the guest: it was ended early by the other side");
  }

  @Test
  void silenceIsAStall() throws Exception {
    Conversation conversation = begin(3);
    conversation.abandon();
    course.enter(Phase.AFTER);
    course.close();
    conversation.running().await();
    assertThat(conversation.result().outcome()).isEqualTo(Outcome.STALLED);
    assertThat(conversation.result().detail()).isEqualTo("no new bytes moved either way");
  }

  @Test
  void foreignBytesAreACorruption() throws Exception {
    Conversation conversation = begin(3);
    client.write(ByteBuffer.wrap(new byte[] {1, 2, 3, 4, 5, 6, 7, 8}));
    course.enter(Phase.AFTER);
    awaitMoved(conversation);
    course.close();
    conversation.running().await();
    assertThat(conversation.result().outcome()).isEqualTo(Outcome.CORRUPTED);
    assertThat(conversation.result().detail())
        .isEqualTo("a wrong byte reached the guest at offset 0");
  }
}
