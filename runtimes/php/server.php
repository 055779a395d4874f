<?php

// The entry, `php server.php`: the folder stands alone, with the extensions pcntl and posix.

declare(strict_types=1);

namespace Tidegate;

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Tidegate\\') && is_file($file = __DIR__ . '/' . substr($class, 9) . '.php')) {
        require $file;
    }
});

$tidegate_role = Start::role();
if (is_int($tidegate_role)) {
    exit($tidegate_role);
}

// In a worker. The function's files run here, at the top level, so that what they call global is.
try {
    foreach ($tidegate_role->files() as $tidegate_file) {
        require_once $tidegate_file;
    }
} catch (\Throwable $error) {
    exit($tidegate_role->refuse($error));
}
exit($tidegate_role->run());
