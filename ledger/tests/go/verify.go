// Verifies a log that was exported as a folder, with Go's own implementation of notes and trees
// (golang.org/x/mod/sumdb), which shares nothing with ours:
//
//	go run verify.go FOLDER VKEY...
//
// FOLDER holds `checkpoint`, `tile/...` as C2SP tlog-tiles has it, and in `checkpoints`, if there is
// such a folder, heads that were kept, and in `proofs` C2SP tlog-proofs of entries. Verified are the
// signature of each checkpoint by one of the keys, every tile, every entry's hash and its inclusion in the
// newest tree, that of any two checkpoints the smaller is the beginning of the larger, and that each
// proof is of the entry at its index. It prints a verdict, and exits with 0, with 1 if the log does not
// verify, and with 2 if it was called wrongly.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	full   = 1 << height
)

// emptyRoot is SHA-256 of nothing (RFC 6962, section 2.1).
const emptyRoot = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

// head is what a checkpoint says.
type head struct {
	origin string
	tree   tlog.Tree
}

// folder reads the tiles of an exported log.
type folder struct {
	path  string
	tiles map[string][]byte
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: verify FOLDER VKEY...")
		os.Exit(2)
	}
	verdict, err := verify(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Println("does not verify:", err)
		os.Exit(1)
	}
	fmt.Println("verifies:", verdict)
}

func verify(path string, vkeys []string) (string, error) {
	known, err := verifiers(vkeys)
	if err != nil {
		return "", err
	}
	newest, err := open(filepath.Join(path, "checkpoint"), known)
	if err != nil {
		return "", err
	}
	kept, err := openAll(filepath.Join(path, "checkpoints"), known)
	if err != nil {
		return "", err
	}
	files := &folder{path: path, tiles: make(map[string][]byte)}
	hashes := &cache{reader: tlog.TileHashReader(newest.tree, files)}
	if err := verifyEntries(files, hashes, newest.tree); err != nil {
		return "", err
	}
	pairs, err := verifyConsistency(hashes, append(kept, newest))
	if err != nil {
		return "", err
	}
	proofs, err := verifyProofs(filepath.Join(path, "proofs"), known, hashes, newest)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, %d entries, %d pairs of checkpoints, %d proofs", newest.origin, newest.tree.N, pairs, proofs), nil
}

func verifiers(vkeys []string) (note.Verifiers, error) {
	var list []note.Verifier
	for _, vkey := range vkeys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", vkey, err)
		}
		list = append(list, verifier)
	}
	return note.VerifierList(list...), nil
}

// open reads a checkpoint that one of the keys signed.
func open(path string, known note.Verifiers) (head, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return head{}, err
	}
	return parse(path, bytes, known)
}

func parse(path string, bytes []byte, known note.Verifiers) (head, error) {
	opened, err := note.Open(bytes, known)
	if err != nil {
		return head{}, fmt.Errorf("%s: %w", path, err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return head{}, fmt.Errorf("%s: %d lines", path, len(lines)-1)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return head{}, fmt.Errorf("%s: no size", path)
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return head{}, fmt.Errorf("%s: %w", path, err)
	}
	return head{origin: lines[0], tree: tlog.Tree{N: size, Hash: root}}, nil
}

// list gives the files of a folder, which need not be there.
func list(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		files = append(files, filepath.Join(path, entry.Name()))
	}
	return files, nil
}

// openAll reads every checkpoint of a folder.
func openAll(path string, known note.Verifiers) ([]head, error) {
	files, err := list(path)
	if err != nil {
		return nil, err
	}
	var heads []head
	for _, file := range files {
		opened, err := open(file, known)
		if err != nil {
			return nil, err
		}
		heads = append(heads, opened)
	}
	return heads, nil
}

func verifyEntries(files *folder, hashes *cache, tree tlog.Tree) error {
	if tree.N == 0 && tree.Hash.String() != emptyRoot {
		return errors.New("an empty log with the root of another")
	}
	for first := int64(0); first < tree.N; first += full {
		width := tree.N - first
		if width > full {
			width = full
		}
		name := resource("entries", first/full, int(width))
		bytes, err := os.ReadFile(filepath.Join(files.path, name))
		if err != nil {
			return err
		}
		entries, err := split(bytes)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if int64(len(entries)) != width {
			return fmt.Errorf("%s: %d entries in the place of %d", name, len(entries), width)
		}
		if err := hashes.fill(first, width); err != nil {
			return fmt.Errorf("the tile over %s: %w", name, err)
		}
		for at, entry := range entries {
			if err := verifyEntry(hashes, tree, first+int64(at), entry); err != nil {
				return err
			}
		}
	}
	return nil
}

func verifyEntry(hashes tlog.HashReader, tree tlog.Tree, index int64, entry []byte) error {
	hash := tlog.RecordHash(entry)
	stored, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	if stored[0] != hash {
		return fmt.Errorf("entry %d does not have the hash in its tile", index)
	}
	proof, err := tlog.ProveRecord(tree.N, index, hashes)
	if err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash); err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	return nil
}

// verifyConsistency takes any two checkpoints, and gives how many pairs there are.
func verifyConsistency(hashes tlog.HashReader, heads []head) (int, error) {
	sort.SliceStable(heads, func(i, j int) bool { return heads[i].tree.N < heads[j].tree.N })
	newest := heads[len(heads)-1]
	pairs := 0
	for j, newer := range heads {
		if newer.origin != newest.origin {
			return 0, fmt.Errorf("checkpoints of %s and of %s", newer.origin, newest.origin)
		}
		for _, older := range heads[:j] {
			if err := verifyPair(hashes, older.tree, newer.tree); err != nil {
				return 0, fmt.Errorf("checkpoints of %d and %d entries: %w", older.tree.N, newer.tree.N, err)
			}
			pairs++
		}
	}
	return pairs, nil
}

func verifyPair(hashes tlog.HashReader, older, newer tlog.Tree) error {
	if older.N == 0 {
		if older.Hash.String() != emptyRoot {
			return errors.New("an empty log with the root of another")
		}
		return nil
	}
	proof, err := tlog.ProveTree(newer.N, older.N, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, newer.N, newer.Hash, older.N, older.Hash)
}

// verifyProofs takes every C2SP tlog-proof of a folder, and gives how many there are.
func verifyProofs(path string, known note.Verifiers, hashes tlog.HashReader, newest head) (int, error) {
	files, err := list(path)
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		bytes, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		if err := verifyProof(file, string(bytes), known, hashes, newest); err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
	}
	return len(files), nil
}

func verifyProof(path, text string, known note.Verifiers, hashes tlog.HashReader, newest head) error {
	before, checkpoint, ok := strings.Cut(text, "\n\n")
	if !ok {
		return errors.New("no checkpoint")
	}
	signed, err := parse(path, []byte(checkpoint), known)
	if err != nil {
		return err
	}
	if signed.origin != newest.origin {
		return errors.New("of another log")
	}
	lines := strings.Split(before, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a proof")
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return errors.New("no index")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	if err != nil || index < 0 || index >= newest.tree.N {
		return errors.New("no index of an entry")
	}
	var proof tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	// The entry at the index has this hash: it was compared before.
	leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, signed.tree.N, signed.tree.Hash, index, leaf[0])
}

// cache keeps hashes that were read, so that tiles are verified once and not for each proof. Nothing
// rests on them: before golang.org/x/mod 0.40 tlog.TileHashReader does not verify every tile that it
// reads (CVE-2026-56865), and each proof is checked against the signed root here.
type cache struct {
	reader tlog.HashReader
	known  map[int64]tlog.Hash
}

// mostKnown bounds the memory, whatever the size of the log.
const mostKnown = 1 << 16

// fill reads every hash below a tile of level 0 at once.
func (c *cache) fill(first, width int64) error {
	if c.known == nil || len(c.known) > mostKnown {
		c.known = make(map[int64]tlog.Hash)
	}
	var indexes []int64
	for level := 0; width>>level > 0; level++ {
		for at := int64(0); at < width>>level; at++ {
			indexes = append(indexes, tlog.StoredHashIndex(level, first>>level+at))
		}
	}
	_, err := c.ReadHashes(indexes)
	return err
}

// ReadHashes implements tlog.HashReader.
func (c *cache) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var unknown []int64
	for _, index := range indexes {
		if _, ok := c.known[index]; !ok {
			unknown = append(unknown, index)
		}
	}
	read, err := c.reader.ReadHashes(unknown)
	if err != nil {
		return nil, err
	}
	if c.known == nil {
		c.known = make(map[int64]tlog.Hash)
	}
	for at, index := range unknown {
		c.known[index] = read[at]
	}
	hashes := make([]tlog.Hash, len(indexes))
	for at, index := range indexes {
		hashes[at] = c.known[index]
	}
	return hashes, nil
}

// split takes a bundle apart: each entry is behind its length in two bytes.
func split(bundle []byte) ([][]byte, error) {
	var entries [][]byte
	for len(bundle) > 0 {
		if len(bundle) < 2 {
			return nil, errors.New("cut off within a length")
		}
		length := int(binary.BigEndian.Uint16(bundle))
		bundle = bundle[2:]
		if len(bundle) < length {
			return nil, errors.New("cut off within an entry")
		}
		entries = append(entries, bundle[:length])
		bundle = bundle[length:]
	}
	return entries, nil
}

// resource is the path of a tile or bundle in C2SP tlog-tiles, which unlike Go's has no height.
func resource(kind string, index int64, width int) string {
	groups := fmt.Sprintf("%03d", index%1000)
	for index >= 1000 {
		index /= 1000
		groups = fmt.Sprintf("x%03d/%s", index%1000, groups)
	}
	if width == full {
		return fmt.Sprintf("tile/%s/%s", kind, groups)
	}
	return fmt.Sprintf("tile/%s/%s.p/%d", kind, groups, width)
}

// Height implements tlog.TileReader.
func (f *folder) Height() int { return height }

// ReadTiles implements tlog.TileReader; what it gives is verified by tlog.TileHashReader.
func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		name := resource(strconv.Itoa(tile.L), tile.N, tile.W)
		bytes, ok := f.tiles[name]
		if !ok {
			read, err := os.ReadFile(filepath.Join(f.path, name))
			if err != nil {
				return nil, err
			}
			if len(read) != tile.W*tlog.HashSize {
				return nil, fmt.Errorf("%s: %d bytes", name, len(read))
			}
			bytes = read
			f.tiles[name] = read
		}
		data = append(data, bytes)
	}
	return data, nil
}

// SaveTiles implements tlog.TileReader.
func (f *folder) SaveTiles([]tlog.Tile, [][]byte) {}
