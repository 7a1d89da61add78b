/** YAML to validated records. */
module io.sluice.config {
  requires static transitive org.jspecify;
  requires transitive io.sluice.steering;

  exports io.sluice.config;
}
