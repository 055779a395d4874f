<?php

declare(strict_types=1);

namespace Tidegate;

/**
 * A worker's process and the front's end of its channel.
 *
 * A fork: the front has run none of the function's code, and PHP cannot close descriptors on exec.
 */
final class WorkerProcess
{
    private ?int $status = null;

    /** @param resource $channel */
    private function __construct(public readonly int $pid, public readonly mixed $channel)
    {
        Stream::unblock($channel);
    }

    /** A new worker; throws StartFailure. In its own process, Forked is thrown. */
    public static function start(): self
    {
        $pair = @stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        [$ours, $theirs] = $pair ?: throw new StartFailure('there is no descriptor for its channel');
        $front = posix_getpid();
        $pid = @pcntl_fork();
        if ($pid === 0) {
            fclose($ours);
            posix_setpgid(0, 0); // what the function starts is killed with it
            throw new Forked($theirs, $front);
        }
        if ($pid < 0) {
            throw new StartFailure(pcntl_strerror(pcntl_get_last_error()));
        }
        @posix_setpgid($pid, $pid); // whoever comes first
        return new self($pid, $ours);
    }

    /** Stop the call that the worker runs; the worker lives on. */
    public function interrupt(): void
    {
        if ($this->status === null) {
            posix_kill($this->pid, Channel::INTERRUPT);
        }
    }

    /** End the worker and every process that it started, at once. */
    public function kill(): void
    {
        if ($this->status === null) {
            posix_kill(-$this->pid, SIGKILL);
        }
    }

    /** Whether the process has ended; if so, what it left behind is ended. */
    public function reap(): bool
    {
        if (pcntl_waitpid($this->pid, $status, WNOHANG) !== $this->pid) {
            return false;
        }
        $this->kill();
        $this->status = $status;
        return true;
    }

    /** Free what the process was reached by. */
    public function close(): void
    {
        if (is_resource($this->channel)) {
            fclose($this->channel);
        }
    }

    /** How the process ended, in words. */
    public function ending(): string
    {
        if (!pcntl_wifsignaled($this->status)) {
            return 'exited with code ' . pcntl_wexitstatus($this->status);
        }
        $number = pcntl_wtermsig($this->status);
        return "killed by signal $number (" . self::signalName($number) . ')';
    }

    private static function signalName(int $number): string
    {
        foreach (['SIGKILL', 'SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGTERM', 'SIGILL', 'SIGFPE'] as $name) {
            if (constant($name) === $number) {
                return $name;
            }
        }
        return 'another';
    }
}
