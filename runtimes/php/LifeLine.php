<?php

declare(strict_types=1);

namespace Tidegate;

/**
 * Lets the kernel end this process when the front is gone, whatever the function does.
 *
 * That takes prctl, and so the extension FFI; without it a worker ends when it has no call.
 */
final class LifeLine
{
    private const PR_SET_PDEATHSIG = 1;

    public static function follow(int $front): void
    {
        if (PHP_OS_FAMILY !== 'Linux' || !class_exists(\FFI::class)) {
            return;
        }
        try {
            $libc = \FFI::cdef('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long);');
            $libc->prctl(self::PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        } catch (\FFI\Exception) {
            return; // it is switched off
        }
        if (posix_getppid() !== $front) {
            exit(1); // it was gone before we asked
        }
    }
}
