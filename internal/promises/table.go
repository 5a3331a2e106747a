package main

import (
	"fmt"
	"slices"
	"strings"
)

// table writes the columns as Markdown, with the notes below.
func table(columns []column) string {
	var n notes
	rows := [][]string{{"promise"}, {"---"}}
	for _, c := range columns {
		head := c.system
		if c.broken {
			head += " FAIL" + n.add(c.system+": something beside the promises failed")
		}
		rows[0] = append(rows[0], head)
		rows[1] = append(rows[1], "---")
	}
	for _, name := range names(columns) {
		row := []string{name}
		for _, c := range columns {
			row = append(row, c.cell(name, &n))
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	for _, row := range rows {
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "|", `\|`)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	for i, text := range n {
		fmt.Fprintf(&b, "\n[^%d]: %s\n", i+1, text)
	}
	return b.String()
}

// names are those of all promises: a column that ended early has not all.
func names(columns []column) (all []string) {
	for _, c := range columns {
		for _, p := range c.promises {
			if !slices.Contains(all, p.name) {
				all = append(all, p.name)
			}
		}
	}
	if all == nil {
		all = []string{"any"} // so that the table says why there is none
	}
	return all
}

// shortReason is how long a reason may be that stands in a cell.
const shortReason = 40

func (c column) cell(name string, n *notes) string {
	if c.notRun != "" {
		return "not run: " + c.notRun
	}
	i := slices.IndexFunc(c.promises, func(p promise) bool { return p.name == name })
	if i < 0 {
		return "not run: the suite did not get there"
	}
	p := c.promises[i]
	text := "FAIL"
	switch {
	case p.result == kept:
		text = "yes"
	case p.result == skipped && len(p.why) <= shortReason:
		text = "skip: " + p.why
	case p.result == skipped:
		text = "skip" + n.add(name+": "+p.why)
	}
	for _, skip := range p.skips {
		text += n.add(name + ", " + skip)
	}
	return text
}

// notes are the footnotes of a table, each there once.
type notes []string

// add returns the mark of a note.
func (n *notes) add(text string) string {
	i := slices.Index(*n, text)
	if i < 0 {
		*n, i = append(*n, text), len(*n)
	}
	return fmt.Sprintf(" [^%d]", i+1)
}
