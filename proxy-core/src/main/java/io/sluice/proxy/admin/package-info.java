/** What one sees from outside: metrics, liveness and readiness, the status page. Read only. */
@NullMarked
package io.sluice.proxy.admin;

import org.jspecify.annotations.NullMarked;
