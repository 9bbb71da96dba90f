"""The verb `backtest`: a strategy on a model's unseen bars, or on a walk-forward's forecasts.

It refuses bars that the model has seen unless it is told otherwise, does not look at a sealed
hold-out unless it is told to open it, and every look is counted in the trial ledger.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from forecasting.backtest.accounting.terms import AccountTerms
from forecasting.backtest.book import Backtest
from forecasting.backtest.costs import Costs
from forecasting.errors import ConfigError
from forecasting.forecaster.network_forecaster import NetworkForecaster
from forecasting.market.panel import Panel
from forecasting.training.trial_ledger import open_trial
from forecasting.workflow.arguments import require_bars, require_maker, terms_of
from forecasting.workflow.counting import backtest_headline, backtest_scores, look, trial_sharpes
from forecasting.workflow.judged_span import OPTION, judged_span
from forecasting.workflow.out_of_fold import OutOfFold, out_of_fold
from forecasting.workflow.trading import Terms
from forecasting.workflow.walk_forward.outcome import WalkForward

Progress = Callable[[str], None]


def backtest(
    model: NetworkForecaster | WalkForward | str | Path,
    prices: Panel,
    *,
    strategy: str | Path | Callable[..., Any] = "long_short",
    tickers: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    cost_bps: float | int = Costs.commission_bps,
    slippage_bps: float | int = Costs.slippage_bps,
    spread: str = Costs.spread,
    impact: float | int = Costs.impact,
    capital: float | int = AccountTerms.capital,
    whole_shares: bool = AccountTerms.whole_shares,
    cash_yield: float | int = AccountTerms.cash_yield,
    financing_rate: float | int = AccountTerms.financing_rate,
    borrow_fee: float | int = AccountTerms.borrow_fee,
    margin_limit: float | int = AccountTerms.margin_limit,
    participation_cap: float | int = AccountTerms.participation_cap,
    delisting_return: float | int = AccountTerms.delisting_return,
    execution: str = "auto",
    in_sample: bool = False,
    open_holdout: bool = False,
    recipe: str | None = None,
    seed: int | str | None = None,
    track: bool = True,
    progress: Progress | None = None,
    **parameters: Any,
) -> Backtest:
    """Trade forecasts with costs, on bars that whoever made them had not seen.

    Args:
        model: A trained model; or a walk-forward, its folder or its name under `runs/`, whose
            out-of-fold forecasts are traded.
        prices: To forecast and to trade at; of a walk-forward those that it was made on.
        strategy: A name such as `long_short`, the path of a Python file, or a function.
        tickers: Trade only these.
        start: First day of decisions; the first out-of-sample bar by default.
        end: Last day.
        cost_bps: Commission, bps of traded notional.
        slippage_bps: Half the spread where it is fixed, bps of traded notional.
        spread: `fixed`, `bucket` or `estimated`: see `SpreadModel`.
        impact: Factor of the square-root law; 0 for none.
        capital: Cash at the first bar, in the currency of the prices.
        whole_shares: Whether orders are rounded towards zero to whole shares.
        cash_yield: Earned on cash, decimal a year.
        financing_rate: Paid on borrowed cash, decimal a year.
        borrow_fee: Paid on the value of shares sold short, decimal a year.
        margin_limit: Largest gross exposure, share of equity.
        participation_cap: Largest order a bar, share of the ticker's mean traded money; 0: no cap.
        delisting_return: Simple return from the last price to what a delisted ticker pays.
        execution: `next_open`, `next_close` or `auto`.
        in_sample: Trade a span that begins on bars which the model has seen, and say so loudly.
        open_holdout: Trade the sealed hold-out, all of it and nothing else; logged for ever after.
        recipe: Of a walk-forward: recipe, `chosen` or baseline; the first recipe by default.
        seed: Of a walk-forward: one of its seeds; the `ensemble` of all by default.
        track: Count the look in the trial ledger. The result comes even if the store does not
            answer; its notes then say so.
        progress: Called with a few words before each step that takes time.
        parameters: The strategy's own.

    Raises:
        ConfigError: The strategy, a cost or a parameter is not valid; there is no hold-out to open
            or it would not be logged; no such forecast in the walk-forward.
        DataError: The span has no forecast or begins in sample, or the prices are not those that
            the walk-forward was made on.
        ModelFileError: The walk-forward's folder is none, unfinished or damaged.
    """
    require_maker(model)
    require_bars(prices, tickers, start, end)
    settings: dict[str, Any] = {
        "cost_bps": cost_bps,
        "slippage_bps": slippage_bps,
        "spread": spread,
        "impact": impact,
        "execution": execution,
        "capital": capital,
        "whole_shares": whole_shares,
        "cash_yield": cash_yield,
        "financing_rate": financing_rate,
        "borrow_fee": borrow_fee,
        "margin_limit": margin_limit,
        "participation_cap": participation_cap,
        "delisting_return": delisting_return,
    }
    terms = terms_of(strategy, settings | parameters)
    terms.require_known()
    if not isinstance(model, NetworkForecaster):
        if in_sample or open_holdout:
            raise ConfigError(
                "a walk-forward has no bars in sample and no hold-out: expected neither in_sample "
                f"nor {OPTION}. Leave it out."
            )
        found = out_of_fold(model, prices, recipe=recipe, seed=seed, start=start, end=end)
        return trade_out_of_fold(found, terms, tickers=tickers, end=end, track=track)
    if recipe is not None or seed is not None:
        raise ConfigError(
            f"{model.name} is one model: expected neither recipe nor seed, which choose a forecast "
            "of a walk-forward. Leave them out."
        )
    return trade_model(
        model,
        prices,
        terms,
        tickers=tickers,
        start=start,
        end=end,
        in_sample=in_sample,
        open_holdout=open_holdout,
        track=track,
        progress=progress,
    )


def trade_model(
    model: NetworkForecaster,
    prices: Panel,
    terms: Terms,
    *,
    tickers: Sequence[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    in_sample: bool = False,
    open_holdout: bool = False,
    track: bool = True,
    progress: Progress | None = None,
) -> Backtest:
    """Trade a model's forecasts on given terms; arguments and errors as of `backtest`."""
    span = judged_span(
        model, prices, start=start, end=end, open_holdout=open_holdout, in_sample=in_sample
    )
    say = progress or (lambda words: None)
    say(f"forecasts of {model.name}")
    forecast = model.forecast(span.prices)
    terms.require_tradable(forecast, span, tickers=tickers, end=end)
    with look("backtest", model, span, tickers=tickers, track=track, terms=terms) as opened:
        say(f"backtest {terms.name}")
        made = terms.trade(
            forecast,
            span,
            tickers=tickers,
            end=end,
            trial_sharpes=trial_sharpes(opened.trial),
            notes=(span.audit, *span.notes, opened.trial.sentence()),
        )
        opened.trial.log_scores(backtest_scores(made))
        opened.headline = backtest_headline([made])
    return made


def trade_out_of_fold(
    found: OutOfFold,
    terms: Terms,
    *,
    tickers: Sequence[str] | None = None,
    end: str | None = None,
    track: bool = True,
) -> Backtest:
    """Trade out-of-fold forecasts on given terms; arguments and errors as of `backtest`."""
    span = found.span
    terms.require_tradable(found.forecast, span, tickers=tickers, end=end)
    with open_trial(
        "backtest",
        f"backtest {found.forecast.name} {terms.name}",
        found.configuration() | terms.configuration(),
        span.prices,
        span.start,
        tickers=tickers,
        parent=found.run_id,
        counted=track,
    ) as trial:
        made = terms.trade(
            found.forecast,
            span,
            tickers=tickers,
            end=end,
            trial_sharpes=trial_sharpes(trial),
            notes=(span.audit, *span.notes, trial.sentence()),
        )
        trial.log_scores(backtest_scores(made))
    return made
