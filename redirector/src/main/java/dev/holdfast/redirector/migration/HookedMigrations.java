package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.hook.UserHooks;
import dev.holdfast.redirector.migration.MigrationView.HookView;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The migrations of this host as the user's hooks need them. */
record HookedMigrations(MigrationEngine engine) implements UserHooks.Migrations {
  @Override
  public List<String> ids() {
    return engine.ids();
  }

  @Override
  public UserHooks.@Nullable Course course(String id) {
    LiveMigration migration = engine.byId(id);
    return migration == null
        ? null
        : new UserHooks.Course(migration.record.name(), migration.record.history());
  }

  @Override
  public @Nullable MigrationView look(String id) {
    LiveMigration migration = engine.byId(id);
    return migration == null ? null : migration.view();
  }

  @Override
  public void ran(String id, HookView run, String text) {
    LiveMigration migration = engine.byId(id);
    if (migration != null) {
      migration.hookRan(run, text);
    }
  }
}
