<?php

declare(strict_types=1);

namespace Tidegate;

/** An exception of the function's, as the log tells it. */
final class Failure
{
    private const TEXT_LIMIT = 500;

    public function __construct(private readonly \Throwable $error)
    {
    }

    /** Kind and text, on one line of bounded length. */
    public function line(): string
    {
        $text = trim((string) preg_replace('/\s+/', ' ', $this->error->getMessage()));
        return get_class($this->error) . ': ' . substr($text, 0, self::TEXT_LIMIT);
    }

    /** The trace on stderr, from the function's own code on; it ends with what came first. */
    public function writeTrace(): void
    {
        for ($error = $this->error; $error !== null; $error = $error->getPrevious()) {
            fwrite(STDERR, get_class($error) . " at {$error->getFile()}:{$error->getLine()}\n");
            foreach ($error->getTrace() as $frame) {
                if (isset($frame['file']) && dirname($frame['file']) !== __DIR__) {
                    $name = ($frame['class'] ?? '') . ($frame['type'] ?? '') . $frame['function'];
                    fwrite(STDERR, "  $name called at {$frame['file']}:{$frame['line']}\n");
                }
            }
        }
    }
}
