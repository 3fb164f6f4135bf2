// The `cowlab` command. Options are read here and nowhere else; each sub-command is a function.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/conform.h"

namespace {

int exit_code(cowlab::Error::Kind kind) {
    switch (kind) {
        case cowlab::Error::Kind::failed: return 1;
        case cowlab::Error::Kind::usage: return 2;
        case cowlab::Error::Kind::refused: return 3;
        case cowlab::Error::Kind::stopped: return 4;
        case cowlab::Error::Kind::host: return 75;
    }
    return 3;
}

int report(const cowlab::Result<int>& result) {
    if (result) return *result;
    const cowlab::Error& e = result.error();
    std::fflush(stdout);
    std::fprintf(stderr, "cowlab: %s%s%s\n", e.where.c_str(), e.where.empty() ? "" : ": ", e.text.c_str());
    return exit_code(e.kind);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"cowlab: a copy-on-write snapshot engine and the laboratory that proves it"};
    app.require_subcommand(1);

    cowlab::ConformOptions conform;
    std::string compat;
    CLI::App* c = app.add_subcommand("conform", "every recorded case of a real kernel against our engine");
    c->add_option("DIR", conform.directories, "folders with CASE.trace, CASE.out, images and MANIFEST")->required();
    c->add_option("--compat", compat, "kernel or none; without it each case runs with both");
    c->add_option("--only", conform.only, "only cases whose name matches this glob");
    c->add_flag("--digests", conform.digests, "print a digest of each case");
    c->add_flag("--bytes", conform.byte_cells, "sectors are real bytes instead of tags");
    c->add_flag("-v,--verbose", conform.verbose, "a line for every case");

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : 2;
    }
    if (c->parsed()) {
        if (compat == "kernel") conform.policy = cowlab::ConformPolicy::kernel;
        if (compat == "none") conform.policy = cowlab::ConformPolicy::correct;
        return report(cowlab::conform(conform));
    }
    return 2;
}
