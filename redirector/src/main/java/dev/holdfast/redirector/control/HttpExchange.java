package dev.holdfast.redirector.control;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One request and its answer, as much of HTTP/1.1 (RFC 9112) as our own server speaks: a body with
 * Content-Length, or in chunks.
 */
final class HttpExchange implements AutoCloseable {
  private static final int LARGEST_ANSWER = 256 << 20;
  private static final int MOST_HEADERS = 100;

  private final UnixConnection connection;
  private final int status;
  private final Map<String, String> headers;
  private final @Nullable Consumer<UnixConnection> keeper;
  private boolean whole;

  private HttpExchange(
      UnixConnection connection,
      int status,
      Map<String, String> headers,
      @Nullable Consumer<UnixConnection> keeper) {
    this.connection = connection;
    this.status = status;
    this.headers = headers;
    this.keeper = keeper;
  }

  /**
   * Sends a request and reads the answer's head.
   *
   * @param connection is this one's from now on, and closed where this fails
   * @param target path and query, encoded
   * @param within for everything on this connection, until {@link #within} says another
   * @param keeper gets the connection back when the answer was read to its end; null: it is closed
   *     then
   */
  static HttpExchange begin(
      UnixConnection connection,
      String method,
      String target,
      byte @Nullable [] body,
      Duration within,
      @Nullable Consumer<UnixConnection> keeper)
      throws IOException {
    try {
      connection.within(within);
      String head =
          method
              + " "
              + target
              + " HTTP/1.1\r\nHost: holdfast\r\n"
              + (keeper == null ? "Connection: close\r\n" : "")
              + (body == null
                  ? ""
                  : "Content-Type: application/json\r\nContent-Length: " + body.length + "\r\n")
              + "\r\n";
      connection.write(head.getBytes(StandardCharsets.US_ASCII));
      if (body != null) {
        connection.write(body);
      }
      String[] first = connection.readLine().split(" ", 3);
      if (first.length < 2 || !first[0].equals("HTTP/1.1") || !first[1].matches("\\d{3}")) {
        throw new IOException("what answers on the socket does not speak HTTP/1.1");
      }
      Map<String, String> headers = new HashMap<>();
      for (String line = connection.readLine(); !line.isEmpty(); line = connection.readLine()) {
        int colon = line.indexOf(':');
        if (colon < 0 || headers.size() >= MOST_HEADERS) {
          throw new IOException("what answers on the socket sends malformed headers");
        }
        headers.put(
            line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
      }
      return new HttpExchange(connection, Integer.parseInt(first[1]), headers, keeper);
    } catch (IOException | RuntimeException e) {
      connection.close();
      throw e;
    }
  }

  int status() {
    return status;
  }

  /**
   * @param name in lower case
   * @return "" where the answer does not have it
   */
  String header(String name) {
    return headers.getOrDefault(name, "");
  }

  void within(Duration time) {
    connection.within(time);
  }

  /** The whole body. */
  byte[] body() throws IOException {
    byte[] body = wholeBody();
    whole = true;
    return body;
  }

  private byte[] wholeBody() throws IOException {
    if (isChunked()) {
      var body = new ByteArrayOutputStream();
      for (byte[] chunk = chunk(); chunk != null; chunk = chunk()) {
        body.writeBytes(chunk);
      }
      return body.toByteArray();
    }
    return connection.readFully(length(headers.getOrDefault("content-length", "0"), 10));
  }

  /** The next chunk (RFC 9112 section 7.1); null after the last one. */
  byte @Nullable [] chunk() throws IOException {
    String size = connection.readLine();
    int length = length(size.split(";", 2)[0].strip(), 16);
    if (length == 0) {
      while (!connection.readLine().isEmpty()) {
        // trailers, of which our server sends none
      }
      return null;
    }
    byte[] chunk = connection.readFully(length);
    connection.readLine();
    return chunk;
  }

  private boolean isChunked() {
    return headers.getOrDefault("transfer-encoding", "").equalsIgnoreCase("chunked");
  }

  private static int length(String digits, int radix) throws IOException {
    try {
      int length = Integer.parseInt(digits, radix);
      if (length >= 0 && length <= LARGEST_ANSWER) {
        return length;
      }
    } catch (NumberFormatException e) {
      throw new IOException("the answer has the length '" + digits + "'", e);
    }
    throw new IOException("the answer has the length " + digits);
  }

  @Override
  public void close() throws IOException {
    if (keeper != null
        && whole
        && !headers.getOrDefault("connection", "").equalsIgnoreCase("close")) {
      keeper.accept(connection);
    } else {
      connection.close();
    }
  }
}
