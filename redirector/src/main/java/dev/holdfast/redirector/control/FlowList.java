package dev.holdfast.redirector.control;

import dev.holdfast.redirector.migration.FlowView;
import java.util.List;

/**
 * The answer to {@code GET /v1/flows}.
 *
 * @param schema "holdfast.flows/1"
 */
public record FlowList(String schema, List<FlowView> flows) {
  public static FlowList of(List<FlowView> flows) {
    return new FlowList("holdfast.flows/1", flows);
  }
}
