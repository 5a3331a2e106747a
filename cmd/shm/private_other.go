//go:build !linux && !windows

package main

import "errors"

func privateBytes() (int64, error) { return 0, errors.ErrUnsupported }
