<?php

// The entry, `php server.php`: the folder stands alone, with the extensions pcntl and posix.

declare(strict_types=1);

namespace Tidegate;

// All at once: workers share what is loaded, and a front that has run out of descriptors loads
// nothing any more.
foreach (glob(__DIR__ . '/[A-Z]*.php') as $tidegate_file) {
    require_once $tidegate_file;
}

$tidegate_role = Start::role();
if (is_int($tidegate_role)) {
    exit($tidegate_role);
}

// In a worker. The function's files run here, at the top level, so that what they call global is.
try {
    foreach ($tidegate_role->files() as $tidegate_file) {
        require_once $tidegate_file;
    }
} catch (\Throwable $tidegate_error) {
    exit($tidegate_role->refuse($tidegate_error));
}
exit($tidegate_role->run());
