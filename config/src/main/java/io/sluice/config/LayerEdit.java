package io.sluice.config;

import java.util.List;

/**
 * Makes changes in a layer. What is wrong with one doesn't keep the others from being looked at, so
 * that all problems are named at once.
 */
final class LayerEdit {
  private final EditedLayer layer;
  private final BindingEdits bindings;
  private final ItemEdits items;
  private final TargetEdits targets;

  private LayerEdit(Document document, String layer, Problems problems) {
    this.layer = new EditedLayer(document, layer, problems);
    this.bindings = new BindingEdits(this.layer);
    this.items = new ItemEdits(this.layer, bindings);
    this.targets = new TargetEdits(this.layer, items);
  }

  /** The layer with these changes; without those that have problems. */
  static Layer apply(Document document, String layer, List<Change> changes, Problems problems) {
    LayerEdit edit = new LayerEdit(document, layer, problems);
    changes.forEach(edit::apply);
    return edit.layer.with(edit.bindings.result());
  }

  private void apply(Change change) {
    switch (change) {
      case Change.Bind it -> bindings.bind(it);
      case Change.Unbind it -> bindings.unbind(it);
      case Change.LoadBindings it -> bindings.load(it);
      case Change.Register it -> targets.register(it);
      case Change.Unregister it -> targets.unregister(it);
      case Change.Set it -> targets.set(it);
      case Change.Swap it -> targets.swap(it);
      case Change.Put it -> items.put(it);
      case Change.Remove it -> items.remove(it.kind().section(), it.name());
      case Change.Move it -> items.move(it);
      case Change.Patch it -> patch(it);
    }
  }

  private void patch(Change.Patch change) {
    Problems own = layer.problems.of(change.name());
    Item.Source from = new Item.Source(layer.name(), change.name(), layer.surroundings);
    int errors = layer.problems.errors();
    LayerReader.Draft draft =
        LayerReader.patch(new ConfigText.Characters(change.yaml()), from, own);
    if (draft == null || layer.problems.errors() > errors) {
      return;
    }
    draft.layer().bindings().forEach(bindings::patch);
    for (Item item : draft.layer().items().values()) {
      Item.Key key = item.key();
      if (item.how() != Item.How.AWAY) {
        layer.forgetTargets(key.section(), key.name());
        layer.put(item);
      } else if (key.section().equals(ItemNames.TARGETS)) {
        targets.patchAway(key.name());
      } else {
        items.remove(key.section(), key.name());
      }
    }
  }
}
