<?php

declare(strict_types=1);

namespace Tidegate;

/** Starts the front, from which the workers are forked. */
final class Start
{
    private const EXTENSIONS = ['pcntl', 'posix'];

    /** The process's exit code, or the worker that this process has become. */
    public static function role(): int|Worker
    {
        ini_set('memory_limit', '-1'); // the machine's or the pod's limit counts
        ini_set('display_errors', 'stderr');
        ini_set('log_errors', '0');
        ini_set('html_errors', '0');
        try {
            self::requireExtensions();
            $settings = EnvironmentReader::settings(getenv());
        } catch (ConfigError $error) {
            fwrite(STDERR, "{$error->getMessage()}\n");
            return Settings::BAD_CONFIGURATION;
        }
        return self::serve($settings);
    }

    private static function serve(Settings $settings): int|Worker
    {
        try {
            return (new Front($settings))->run();
        } catch (Forked $fork) {
            $channel = $fork->channel;
            $front = $fork->front;
        }
        // The front's connections are not the worker's: they close when nothing refers to them.
        unset($fork);
        Front::unfollowSignals();
        gc_collect_cycles();
        return Worker::begin($channel, $front, $settings);
    }

    private static function requireExtensions(): void
    {
        foreach (self::EXTENSIONS as $extension) {
            if (!extension_loaded($extension)) {
                throw new ConfigError("PHP's extension $extension is not there: install it");
            }
        }
    }
}
