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

  /**
   * What comes from a layer: problems with it go there.
   *
   * @param index its place in the list that it was read from
   */
  record Placed(Node node, int index, Problems problems, Value.Surroundings surroundings)
      implements Node {
    @Override
    public int line() {
      return node.line();
    }

    @Override
    public int column() {
      return node.column();
    }
  }

  record Entry(Scalar key, Node value) {}
}
