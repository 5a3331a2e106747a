//go:build !linux

package main

import "errors"

func privateBytes() (int64, error) { return 0, errors.ErrUnsupported }
