"""What README says about speed, re-runnable: everything is compared side by side in one run."""
