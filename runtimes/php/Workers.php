<?php

declare(strict_types=1);

namespace Tidegate;

/** Which workers there are, and how many there should be. */
final class Workers
{
    /** Those beyond the first are stopped after being idle so long. */
    public const IDLE_LIFE = 60.0;

    /** A call that has waited so long is worth another process; short bursts are not. */
    public const GROW_AFTER = 0.02;

    private const FIRST_RESPAWN_DELAY = 0.1;
    private const LONGEST_RESPAWN_DELAY = 10.0;

    /** @var list<WorkerLink> */
    private array $links = [];

    private float $respawnAt = 0.0;
    private float $respawnDelay = self::FIRST_RESPAWN_DELAY;

    /** What a worker says goes to `$hear`, with its link. */
    public function __construct(
        private readonly int $most,
        private readonly Reactor $reactor,
        private readonly \Closure $hear,
    ) {
    }

    /** Start one; throws StartFailure. */
    public function add(): void
    {
        $this->links[] = new WorkerLink(WorkerProcess::start(), $this->reactor, $this->hear);
    }

    /** @return list<WorkerLink> */
    public function all(): array
    {
        return $this->links;
    }

    /** How many `$are` so. */
    public function count(\Closure $are): int
    {
        return count(array_filter($this->links, $are));
    }

    /** The first that takes a call: the others stay idle and can be stopped. */
    public function free(): ?WorkerLink
    {
        return $this->first(fn (WorkerLink $link) => $link->isFree());
    }

    /** The one that runs the call. */
    public function running(Call $call): ?WorkerLink
    {
        return $this->first(fn (WorkerLink $link) => $link->call === $call);
    }

    /** Whether there is none to take a call, now or soon. */
    public function areLacking(): bool
    {
        return !$this->first(fn (WorkerLink $link) => !$link->isRetiring());
    }

    /**
     * Let go of those whose processes have ended.
     *
     * @return list<WorkerLink>
     */
    public function ended(): array
    {
        $gone = array_values(array_filter($this->links, fn (WorkerLink $link) => $link->process->reap()));
        $lives = fn (WorkerLink $link) => !in_array($link, $gone, true);
        $this->links = array_values(array_filter($this->links, $lives));
        return $gone;
    }

    /** One has become ready. */
    public function succeeded(): void
    {
        $this->respawnDelay = self::FIRST_RESPAWN_DELAY;
    }

    /** One has died before it was ready: it would be replaced for ever, and at once. */
    public function failed(): void
    {
        $this->respawnAt = $this->reactor->now() + $this->respawnDelay;
        $this->respawnDelay = min($this->respawnDelay * 2, self::LONGEST_RESPAWN_DELAY);
    }

    /**
     * Start the one that must be there, and one for each late call, but no more at once than there
     * are: starting takes CPU from those that would have been in time. Throws StartFailure.
     */
    public function grow(float $now, int $late): void
    {
        if ($now < $this->respawnAt) {
            return;
        }
        try {
            for ($wanted = $this->wanted($late); $wanted > 0; $wanted--) {
                $this->add();
            }
        } catch (StartFailure $error) {
            $this->failed();
            throw $error;
        }
    }

    /** Stop those that have had nothing to do for long, but for the first; whether more are idle. */
    public function trim(): bool
    {
        $now = $this->reactor->now();
        $idle = array_filter($this->links, fn (WorkerLink $link) => $link->isFree());
        foreach (array_slice($idle, 1) as $link) {
            if ($now - $link->idleSince >= self::IDLE_LIFE) {
                $link->stop();
            }
        }
        return count($idle) > 1;
    }

    private function wanted(int $late): int
    {
        $living = array_filter($this->links, fn (WorkerLink $link) => !$link->isRetiring());
        $starting = array_filter($living, fn (WorkerLink $link) => !$link->isReady());
        $count = count($living);
        return max($living ? 0 : 1, min($this->most - $count, $late - count($starting), $count));
    }

    private function first(\Closure $holds): ?WorkerLink
    {
        foreach ($this->links as $link) {
            if ($holds($link)) {
                return $link;
            }
        }
        return null;
    }
}
