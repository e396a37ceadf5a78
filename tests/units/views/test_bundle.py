"""plotly.js cut down: what is reached stays byte for byte, what isn't goes, and what can't be cut is used whole."""

from __future__ import annotations

from babysit.views.bundle import cut, drawing_code, plotly_js

HEAD = "var Plotly=(()=>{var W=(e,t)=>()=>(t||e((t={exports:{}}).exports,t),t.exports),Ea=(e,t)=>()=>(e&&(t=e(e=0)),t);"


def bundle(extra: str = "") -> str:
    """A file built as plotly.js is: modules that hand one another on, and a last one that registers the traces."""
    filler = "".join(f"var unused{index}=W(t=>{{t.exports={index}}});" for index in range(120))
    return (
        HEAD
        + "var core=W((a,b)=>{b.exports={register(){}}});var shared=W((a,b)=>{b.exports=deep()});var deep=W(t=>{t.exports=1});"
        + 'var bars=W((a,b)=>{shared();b.exports={moduleType:"trace",name:"bar"}});var bar=W((a,b)=>{b.exports=bars()});'
        + 'var heats=W((a,b)=>{esm();b.exports={moduleType:"trace",name:"heatmap"}});var heat=W((a,b)=>{b.exports=heats()});'
        + 'var globe=W((a,b)=>{b.exports={moduleType:"trace",name:"scattergeo"}});var geo=W((a,b)=>{b.exports=globe()});'
        + "var before=W(t=>{});function used(e){return e}var x,y,esm=Ea(()=>{x=used(y)});"
        + f"{extra}{filler}var main=W((a,b)=>{{var r=core();r.register([bar(),heat(),geo()]);b.exports=r}});return main();}})();"
    )


def test_what_the_wanted_traces_reach_stays_and_the_rest_goes():
    found = cut(bundle())
    assert found is not None
    for kept in ("var core=", "var deep=", "var bars=", "var heats=", "function used(e){return e}var x,y,esm=Ea("):
        assert kept in found
    assert "unused" not in found
    assert "scattergeo" not in found
    assert "register([bar(),heat()])" in found
    assert found.startswith(HEAD)
    assert found.endswith("return main();})();")


def test_a_file_that_is_built_otherwise_is_left_alone():
    assert cut("window.Plotly = {};") is None
    assert cut(bundle().replace("moduleType", "kind")) is None, "the traces can't be told apart"
    assert cut(bundle(extra="var second=W(t=>{});").replace("W((", "V((").replace("W(t", "V(t")) is None


def test_the_installed_file_is_cut_to_a_third_and_says_whose_it_is():
    whole, found = plotly_js().read_text(encoding="utf-8"), drawing_code()
    assert whole[:200] == found[:200], "the licence stays at its head"
    assert len(found) < len(whole) / 3
    assert "heatmap" in found
    assert 'moduleType:"trace",name:"sankey"' in whole
    assert 'moduleType:"trace",name:"sankey"' not in found
