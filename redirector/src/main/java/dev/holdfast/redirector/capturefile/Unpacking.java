package dev.holdfast.redirector.capturefile;

import java.io.IOException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * Unpacks gzip up to the byte where it is corrupt. The JDK's stream throws away what it has
 * unpacked in a call that meets the damage, so that what is read would depend on how much is asked
 * for.
 */
final class Unpacking extends GZIPInputStream {
  private @Nullable ZipException damage;

  Unpacking(InputStream in, int bufferSize) throws IOException {
    super(in, bufferSize);
  }

  @Override
  public int read(byte[] to, int from, int length) throws IOException {
    if (damage != null) {
      throw damage;
    }
    long before = inf.getBytesWritten();
    try {
      return super.read(to, from, length);
    } catch (ZipException e) {
      // Less than nothing: another member of the file has begun, and its bytes are counted anew.
      long count = inf.getBytesWritten() - before;
      int unpacked = (int) (count < 0 ? inf.getBytesWritten() : count);
      if (unpacked == 0) {
        throw e;
      }
      damage = e;
      return unpacked;
    }
  }
}
