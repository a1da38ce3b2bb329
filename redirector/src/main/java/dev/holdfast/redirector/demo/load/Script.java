package dev.holdfast.redirector.demo.load;

import java.io.IOException;
import java.time.Duration;

/**
 * What the writers of the two ends do, for each kind, from the beginning to their last byte.
 *
 * @param chunkBytes what bulk streams send at once
 * @param chunkEvery how often; zero: as fast as the kernel takes it
 */
record Script(int chunkBytes, Duration chunkEvery) {
  private static final int REQUEST = 32;
  private static final int ANSWER = 64;
  private static final int WORD = 64;

  /**
   * A stream that is paced, to leave the machine idle, must not save up for a whole gap what it
   * then sends at once.
   */
  private static final int PACED_SEND_BUFFER = 16 << 10;

  private static final Duration REQUEST_EVERY = Duration.ofMillis(20);

  /** Writes as the client does, until its last byte. */
  void client(Kind kind, boolean guestFirst, End end) throws IOException, InterruptedException {
    switch (kind) {
      case BULK_UP -> stream(end);
      case BULK_DOWN -> {
        end.course().awaitMoved();
        end.send(WORD);
        end.course().awaitClosing();
      }
      case REQUESTS -> ask(end);
      case IDLE -> {
        speakOrAnswer(end, !guestFirst);
        end.course().awaitClosing();
      }
    }
    end.sendLast(WORD);
  }

  /** Writes as the guest does, until its last byte, which follows the client's. */
  void guest(Kind kind, boolean guestFirst, End end) throws IOException, InterruptedException {
    switch (kind) {
      case BULK_UP -> {
        end.course().awaitMoved();
        end.send(WORD);
      }
      case BULK_DOWN -> stream(end);
      case REQUESTS -> answer(end);
      case IDLE -> speakOrAnswer(end, guestFirst);
    }
    end.received().awaitEnd();
    end.sendLast(WORD);
  }

  private void stream(End end) throws IOException, InterruptedException {
    if (chunkEvery.isPositive()) {
      end.sendBuffer(PACED_SEND_BUFFER);
    }
    var pace = new Pace(chunkEvery);
    while (!end.course().isClosing() && !end.received().isEnded()) {
      end.send(chunkBytes);
      pace.await();
    }
  }

  private static void ask(End end) throws IOException, InterruptedException {
    var pace = new Pace(REQUEST_EVERY);
    long answers = 0;
    while (!end.course().isClosing()) {
      end.send(REQUEST);
      answers += ANSWER;
      if (!end.received().await(answers)) {
        return;
      }
      pace.await();
    }
  }

  private static void answer(End end) throws IOException, InterruptedException {
    long asked = REQUEST;
    while (end.received().await(asked) && !end.received().isEnded()) {
      end.send(ANSWER);
      asked += REQUEST;
    }
  }

  private static void speakOrAnswer(End end, boolean first)
      throws IOException, InterruptedException {
    end.course().awaitMoved();
    if (first || end.received().await(WORD)) {
      end.send(WORD);
    }
  }
}
