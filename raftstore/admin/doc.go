// Package admin is what an operator types to look after the store: `kaji store status`, `members`, `add`, `snapshot save` and so on.
//
// It owns the words, the tables and the questions of these commands; what they do is raftstore's. It refuses to guess: where the store
// is and as whom to ask comes from the program around it, and nothing that loses data is done before a question was
// answered. One command per file. A command tree serves one invocation at a time.
package admin
