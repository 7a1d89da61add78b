package io.sluice.config;

import java.util.List;

/** A piece of YAML with its place. Lines and columns count from 1, columns in code points. */
sealed interface Node {
  int line();

  int column();

  /**
   * Text.
   *
   * @param plain whether it stands without quotes, so that it may mean nothing at all ({@code ~})
   */
  record Scalar(String text, boolean plain, int line, int column) implements Node {}

  record Sequence(List<Node> items, int line, int column) implements Node {}

  /** Entries in the file's order; keys may repeat. */
  record Mapping(List<Entry> entries, int line, int column) implements Node {}

  /** What has been reported already, and says nothing more: an alias. */
  record Refused(int line, int column) implements Node {}

  record Entry(Scalar key, Node value) {}
}
