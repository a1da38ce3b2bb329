package dev.holdfast.redirector.steer;

import java.io.IOException;
import java.util.List;

/** The kernel, or the tool that speaks to it, said no. The message has its own words. */
public final class KernelRefusal extends IOException {
  private static final long serialVersionUID = 1L;

  /** What {@code ip}, {@code nft} and /proc say of something that is not there. */
  private static final List<String> GONE =
      List.of(
          "No such file or directory",
          "No such process",
          "No such device",
          "Cannot find device",
          "does not exist",
          "Cannot assign requested address",
          "FIB table does not exist",
          "0 flow entries have been deleted");

  public KernelRefusal(String message) {
    super(message);
  }

  /** The thing that the command was about does not exist: for an undo that is no failure. */
  public boolean isGone() {
    String text = String.valueOf(getMessage());
    return GONE.stream().anyMatch(text::contains);
  }

  /** The thing that the command adds exists already. */
  public boolean isPresent() {
    return String.valueOf(getMessage()).contains("File exists");
  }
}
