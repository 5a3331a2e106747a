//go:build !linux && !darwin && !windows

package shm

import "errors"

// native answers errors.ErrUnsupported to everything: the package builds
// everywhere, so that programs which only sometimes share memory do too.
var native backend = unsupported{}

type unsupported struct{}

func (unsupported) draft(string, int, Options) (draft, error)  { return nil, errors.ErrUnsupported }
func (unsupported) attach(string, Options) (attachment, error) { return nil, errors.ErrUnsupported }
func (unsupported) unlink(string) error                        { return errors.ErrUnsupported }
func (unsupported) stat(string) (Info, error)                  { return Info{}, errors.ErrUnsupported }
func (unsupported) list() ([]Info, error)                      { return nil, errors.ErrUnsupported }
func (unsupported) prune() ([]Info, error)                     { return nil, errors.ErrUnsupported }
