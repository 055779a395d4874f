<?php

declare(strict_types=1);

namespace Tidegate;

/** The function returned what cannot be sent; the message names it. */
final class Unanswerable extends \Exception
{
}
