package main

import "runtime/debug"

// A render makes much and keeps little: collecting less often saves a quarter of its time
// and costs some MB. Beyond the second bound Go collects as often as it can, so that what a
// large render may keep is still said by the host's memory limit, not by the first number.
const (
	growthPercent   = 400
	easyMemoryBytes = 192 << 20
)

func init() {
	debug.SetGCPercent(growthPercent)
	debug.SetMemoryLimit(easyMemoryBytes)
}
