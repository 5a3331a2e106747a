package shmtest

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed72196e11/shm/internal/testenv"
)

// Mark is the system call that a traced thread makes before and after what is
// to be watched. Nothing else in this module makes it.
func Mark() { unix.Getpgid(0) }

// Stop is a place in a thread's life: just before or just after a system call.
type Stop struct {
	Call  int
	After bool
}

func (s Stop) String() string {
	if s.After {
		return fmt.Sprintf("after system call %d", s.Call)
	}
	return fmt.Sprintf("before system call %d", s.Call)
}

// KillAt lets a thread of the process run on as soon as it gets the line, and
// kills the process at the thread's stop number at, counted from 0 at the first
// Mark. atStop runs while the thread stands there. When the thread has come to
// its second Mark before, the process is killed there, and reached is false.
func (p *Process) KillAt(tid, at int, line string, atStop func(Stop)) (reached bool) {
	p.t.Helper()
	runtime.LockOSThread() // the kernel knows a tracer by its thread
	defer runtime.UnlockOSThread()
	watchdog := time.AfterFunc(Deadline, func() { p.cmd.Process.Kill() })
	defer watchdog.Stop()

	thread := tracee{t: p.t, tid: tid}
	thread.seize()
	p.Tell(line)
	for n, marks := 0, 0; marks < 2 && !reached; n += marks {
		stop := thread.next()
		if stop == (Stop{unix.SYS_GETPGID, false}) {
			marks++
		}
		if marks == 1 && n == at {
			reached = true
			atStop(stop)
		}
	}
	p.cmd.Process.Kill()
	thread.bury()
	p.Kill()
	p.cmd.Process.Release() // if the thread was the process's first, bury took what Kill waits for
	return reached
}

// tracee is a thread under ptrace(2) by this one.
type tracee struct {
	t    testing.TB
	tid  int
	call int // entered last
}

func (e *tracee) seize() {
	err := unix.PtraceSeize(e.tid)
	if err == unix.EPERM || err == unix.ENOSYS {
		testenv.Need(e.t, "ptrace", err.Error())
	}
	require.NoError(e.t, err)
	require.NoError(e.t, unix.PtraceInterrupt(e.tid))
	e.wait()
	require.NoError(e.t, unix.PtraceSetOptions(e.tid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL))
}

// next lets the thread run to its next system call's beginning or end.
func (e *tracee) next() Stop {
	signal := unix.Signal(0)
	for {
		require.NoError(e.t, unix.PtraceSyscall(e.tid, int(signal)))
		status := e.wait()
		signal = 0
		switch {
		case status.StopSignal() == unix.SIGTRAP|0x80:
			return e.stop()
		case status>>16 == 0: // not an event, but a signal that it is to get
			signal = status.StopSignal()
		}
	}
}

func (e *tracee) wait() unix.WaitStatus {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(e.tid, &status, unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		require.NoError(e.t, err)
		require.True(e.t, status.Stopped(), "the traced process ended: %#x", uint32(status))
		return status
	}
}

// stop says where the thread stands. Only at its beginning a call has a number.
func (e *tracee) stop() Stop {
	var info struct { // struct ptrace_syscall_info, the beginning
		op     uint8
		arch   uint32
		ip, sp uint64
		nr     uint64
	}
	// Sound: the kernel writes no more than size bytes, during the call.
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(e.tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno == unix.EIO {
		testenv.Need(e.t, "ptrace", "the kernel does not say which system call a thread is in: Linux 5.3 does")
	}
	require.Zero(e.t, errno)
	if info.op == unix.PTRACE_SYSCALL_INFO_ENTRY {
		e.call = int(info.nr)
	}
	return Stop{e.call, info.op != unix.PTRACE_SYSCALL_INFO_ENTRY}
}

// bury takes notice of the thread's death: without that the process would never
// be quite dead.
func (e *tracee) bury() {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(e.tid, &status, unix.WALL, nil)
		if err != unix.EINTR && (err != nil || !status.Stopped()) {
			return
		}
	}
}
