/** YAML to validated records; every problem at once, with its place in the file. */
module io.sluice.config {
  requires transitive io.sluice.steering;
  requires static transitive org.jspecify;
  requires org.snakeyaml.engine;

  exports io.sluice.config;
}
