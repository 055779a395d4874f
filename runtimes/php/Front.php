<?php

declare(strict_types=1);

namespace Tidegate;

/**
 * The front: listens, reads requests, lets workers run the function, and stops in good order.
 * It never runs user code.
 */
final class Front
{
    /** Heads of the server's own answers. */
    public const PLAIN = "Content-Type: text/plain; charset=utf-8\r\n";
    public const RETRY = self::PLAIN . "Retry-After: 1\r\n";

    /** Connections and workers together: select knows descriptors below 1024, and some are ours. */
    private const DESCRIPTOR_LIMIT = 1000;

    private const BACKLOG = 1024;
    private const SWEEP = 5.0;
    private const LAST_GRACE = 2.0;

    /** A machine without free descriptors is asked again after so long. */
    private const ACCEPT_PAUSE = 0.1;

    private readonly Reactor $reactor;
    private readonly Pool $pool;
    private readonly Metrics $metrics;
    private readonly LineWriter $log;
    private readonly ?LineWriter $access;

    /** @var array<int, Connection> */
    private array $connections = [];

    /** @var ?resource */
    private mixed $server = null;

    private int $held = 0;
    private int $port;
    private int $code = 0;
    private ?string $lastWords = null;
    private bool $childEnded = true; // the first worker may end before we look
    private bool $stopAsked = false;
    private bool $draining = false;
    private bool $ending = false;
    private bool $sweeping = false;

    public function __construct(private readonly Settings $settings)
    {
        $this->port = $settings->port;
        $this->metrics = new Metrics();
        $this->log = new LineWriter(STDERR);
        $this->access = $settings->accessLog ? new LineWriter(STDOUT) : null;
        $this->reactor = new Reactor($this->heed(...));
        $this->pool = new Pool($this, $settings, $this->reactor, $this->metrics);
    }

    /** Serve until a signal or a failure ends it; the process's exit code. */
    public function run(): int
    {
        $this->followSignals();
        $this->pool->add();
        $this->listen();
        $this->reactor->run();
        foreach ($this->connections as $connection) {
            $connection->abort();
        }
        if ($this->lastWords !== null) {
            $this->tell($this->lastWords);
        }
        return $this->code;
    }

    public function isDraining(): bool
    {
        return $this->draining;
    }

    public function bodyLimit(): int
    {
        return $this->settings->bodyLimit;
    }

    /** The function is loaded for the first time. */
    public function loaded(): void
    {
        $this->tell(sprintf(
            'ready on %s:%d (PHP %s, timeout %s s)',
            $this->settings->host,
            $this->port,
            PHP_VERSION,
            $this->settings->timeout,
        ));
    }

    /** No worker can load the function: the server ends. */
    public function loadFailed(string $sentence): void
    {
        $this->finish(Settings::LOAD_FAILED, $sentence);
    }

    /** One line for the log. */
    public function tell(string $line): void
    {
        $this->log->write("{$this->settings->title()}: $line");
    }

    /** A call or a worker has ended: perhaps the last one that the stop waits for. */
    public function eased(): void
    {
        if ($this->ending) {
            $this->pool->isEmpty() && $this->reactor->stop();
        } elseif ($this->draining && !$this->connections && $this->pool->isIdle()) {
            $this->finish(0);
        }
    }

    /** Whether size more bytes of body may be held: four of the largest at once. */
    public function reserve(int $size): bool
    {
        if ($this->held + $size > max(4 * $this->settings->bodyLimit, Settings::MIB)) {
            return false;
        }
        $this->held += $size;
        return true;
    }

    /** Bytes that are held no more. */
    public function release(int $size): void
    {
        $this->held -= $size;
    }

    /**
     * Answers of the server itself: is it alive, is the function ready, what has it done.
     *
     * @return ?array{int, string, string}
     */
    public function ownAnswer(string $path): ?array
    {
        return match ($path) {
            '/healthz' => [200, self::PLAIN, "OK\n"],
            '/readyz' => $this->readiness(),
            '/metrics' => [200, 'Content-Type: ' . Metrics::CONTENT_TYPE . "\r\n", $this->metrics->render()],
            default => null,
        };
    }

    /** A call for the function, with its time from now on. */
    public function callFor(Connection $connection, Head $head, string $body): Call
    {
        $allowed = min($this->settings->timeout, self::allowedBy($head));
        return new Call($head, $body, $connection, $this->reactor->now(), $allowed);
    }

    /** Run the function; throws Unavailable. */
    public function submit(Call $call): void
    {
        $this->pool->submit($call);
    }

    /** Whether the call has not begun. */
    public function isWaiting(Call $call): bool
    {
        return $this->pool->isWaiting($call);
    }

    /** The client has taken a chunk of the call's answer. */
    public function more(Call $call): void
    {
        $this->pool->more($call);
    }

    /** An answer is complete: Apache's combined line, where wanted. */
    public function answered(Connection $connection, int $status, int $size): void
    {
        if ($this->access !== null && $connection->head !== null) {
            $this->access->write(self::accessLine($connection->peer, $connection->head, $status, $size));
        }
    }

    /** The connection has closed, perhaps before the call's answer was complete. */
    public function lost(Connection $connection, ?Call $call): void
    {
        unset($this->connections[spl_object_id($connection)]);
        if ($call !== null) {
            $this->pool->forget($call);
        }
        $this->eased();
    }

    private function followSignals(): void
    {
        pcntl_async_signals(true);
        pcntl_signal(SIGCHLD, fn () => $this->childEnded = true, false);
        foreach ([SIGTERM, SIGINT] as $signal) {
            pcntl_signal($signal, fn () => $this->stopAsked = true, false);
        }
    }

    /** What signals do to any process, for one that has become a worker. */
    public static function unfollowSignals(): void
    {
        foreach ([SIGCHLD, SIGTERM, SIGINT] as $signal) {
            pcntl_signal($signal, SIG_DFL);
        }
    }

    /** Do what signals have asked for. */
    private function heed(): void
    {
        if ($this->childEnded) {
            $this->childEnded = false;
            $this->pool->reap();
        }
        if ($this->stopAsked) {
            $this->stopAsked = false;
            $this->drain();
        }
    }

    /** Accept connections, and write the port down where it is asked for. */
    private function listen(): void
    {
        $host = $this->settings->host;
        $address = (str_contains($host, ':') ? "[$host]" : $host) . ":{$this->settings->port}";
        $options = ['socket' => ['backlog' => self::BACKLOG, 'tcp_nodelay' => true]];
        $flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
        $server = @stream_socket_server("tcp://$address", $_, $reason, $flags, stream_context_create($options));
        if ($server === false) {
            $this->finish(Settings::BIND_FAILED, "listening on $host:{$this->settings->port}: $reason");
            return;
        }
        $this->server = $server;
        stream_set_blocking($server, false);
        $this->port = self::portOf(stream_socket_get_name($server, false));
        if ($this->settings->portFile !== null) {
            self::writeWhole($this->settings->portFile, "$this->port\n");
        }
        $this->reactor->onReadable($server, $this->accept(...));
    }

    private function accept(): void
    {
        $accepted = 0;
        while (($socket = @stream_socket_accept($this->server, 0, $peer)) !== false) {
            $this->connect($socket, (string) $peer);
            $accepted++;
        }
        if ($accepted === 0) {
            $this->reactor->forgetReading($this->server);
            $this->reactor->after(self::ACCEPT_PAUSE, function (): void {
                $this->server && $this->reactor->onReadable($this->server, $this->accept(...));
            });
        }
    }

    /** @param resource $socket */
    private function connect(mixed $socket, string $peer): void
    {
        Stream::unblock($socket);
        $address = trim(substr($peer, 0, (int) strrpos($peer, ':')), '[]');
        $connection = new Connection($socket, $address, $this, $this->reactor);
        $this->connections[spl_object_id($connection)] = $connection;
        if (count($this->connections) > self::DESCRIPTOR_LIMIT - $this->settings->concurrency) {
            $connection->refuse(503, 'too many connections at once: try again');
        }
        $this->sweepLater();
    }

    /** Close connections whose client is silent, while there are any. */
    private function sweepLater(): void
    {
        if ($this->sweeping) {
            return;
        }
        $this->sweeping = true;
        $this->reactor->after(self::SWEEP, function (): void {
            $this->sweeping = false;
            $now = $this->reactor->now();
            foreach ($this->connections as $connection) {
                $connection->closeIfIdle($now);
            }
            $this->connections && $this->sweepLater();
        });
    }

    /** Accept no more, and let the calls in flight end. */
    private function drain(): void
    {
        if ($this->draining || $this->ending) {
            return;
        }
        $this->draining = true;
        $this->stopListening();
        foreach ($this->connections as $connection) {
            $connection->closeIfIdle($this->reactor->now(), 0.0);
        }
        $this->reactor->after($this->settings->shutdownTimeout, function (): void {
            $count = $this->pool->unfinished();
            $this->finish(
                $count === 0 ? 0 : Settings::CUT_SHORT,
                $count === 0 ? null : "stopping: $count calls were cut short",
            );
        });
        $this->eased();
    }

    /** End the workers and then the reactor. */
    private function finish(int $code, ?string $lastWords = null): void
    {
        if ($this->ending) {
            return;
        }
        $this->ending = true;
        $this->code = $code;
        $this->lastWords = $lastWords;
        $this->stopListening();
        $this->pool->close();
        $this->reactor->after(self::LAST_GRACE, $this->reactor->stop(...));
        $this->eased();
    }

    private function stopListening(): void
    {
        if ($this->server !== null) {
            $this->reactor->forget($this->server);
            fclose($this->server);
            $this->server = null;
        }
    }

    /** @return array{int, string, string} */
    private function readiness(): array
    {
        if ($this->draining || $this->ending) {
            return [503, self::RETRY, "stopping\n"];
        }
        return $this->pool->isReady()
            ? [200, self::PLAIN, "OK\n"]
            : [503, self::RETRY, "the function is not loaded yet\n"];
    }

    /** Seconds that the request's own deadline leaves; infinite without one. */
    private static function allowedBy(Head $head): float
    {
        $text = $head->lower['x-tidegate-deadline'] ?? '';
        if (!is_numeric($text) || !is_finite((float) $text)) {
            return INF;
        }
        return max(0.0, (float) $text - microtime(true));
    }

    /** The request in Apache's combined format. */
    private static function accessLine(string $peer, Head $head, int $status, int $size): string
    {
        $texts = [
            "$head->method $head->target HTTP/1.$head->version",
            $head->lower['referer'] ?? '-',
            $head->lower['user-agent'] ?? '-',
        ];
        [$request, $referer, $agent] = array_map(fn ($text) => '"' . addcslashes($text, '"\\') . '"', $texts);
        return "$peer - - [" . date('d/M/Y:H:i:s O') . "] $request $status $size $referer $agent";
    }

    private static function portOf(string $name): int
    {
        return (int) substr($name, (int) strrpos($name, ':') + 1);
    }

    /** Write a file so that a reader finds all of it or none. */
    private static function writeWhole(string $path, string $text): void
    {
        $unfinished = "$path." . getmypid();
        file_put_contents($unfinished, $text);
        rename($unfinished, $path);
    }
}
